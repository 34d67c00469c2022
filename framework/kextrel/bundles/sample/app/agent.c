/* The smallest endpoint security extension: it hears that programmes end, and does nothing about it. */
#include <EndpointSecurity/EndpointSecurity.h>
#include <dispatch/dispatch.h>
#include <stdio.h>

int main(void)
{
    es_client_t *client = NULL;
    es_new_client_result_t made = es_new_client(&client, ^(es_client_t *us, const es_message_t *message) {
        (void)us;
        (void)message;
    });
    if (made != ES_NEW_CLIENT_RESULT_SUCCESS) {
        fprintf(stderr, "es_new_client: %d\n", made);
        return 1;
    }
    es_event_type_t events[] = {ES_EVENT_TYPE_NOTIFY_EXIT};
    if (es_subscribe(client, events, 1) != ES_RETURN_SUCCESS) {
        fprintf(stderr, "es_subscribe failed\n");
        return 1;
    }
    dispatch_main();
}
