#include <DriverKit/DriverKit.h>
#include <DriverKit/IOLib.h>
#include <os/log.h>

#include "device.h"

kern_return_t IMPL(device, Start)
{
    kern_return_t done = Start(provider, SUPERDISPATCH);
    if (done != kIOReturnSuccess)
        return done;
    os_log(OS_LOG_DEFAULT, "device: started");
    return RegisterService();
}
