/* The smallest kext there is: it starts, it says so, it stops. */
#include <mach/mach_types.h>
#include <sys/systm.h>

kern_return_t driver_start(kmod_info_t *ki, void *data);
kern_return_t driver_stop(kmod_info_t *ki, void *data);

kern_return_t driver_start(kmod_info_t *ki, void *data)
{
    (void)data;
    printf("%s %s: started\n", ki->name, ki->version);
    return KERN_SUCCESS;
}

kern_return_t driver_stop(kmod_info_t *ki, void *data)
{
    (void)data;
    printf("%s: stopped\n", ki->name);
    return KERN_SUCCESS;
}

KMOD_EXPLICIT_DECL(com.example.kextrel.driver, "1.0", driver_start, driver_stop)
