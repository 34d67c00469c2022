/* The app that carries the extensions: it asks for one, says what comes of it, and ends.
 *
 *     NAME activate BUNDLEID | NAME deactivate BUNDLEID
 *
 * One line a step, flushed at once. It ends with 0 when the request was finished or waits for the user (the request
 * stays with sysextd), with 1 when it failed, with 64 when it was called wrongly. */
#import <Foundation/Foundation.h>
#import <SystemExtensions/SystemExtensions.h>

static void say(NSString *line)
{
    printf("%s\n", line.UTF8String);
    fflush(stdout);
}

@interface Requester : NSObject <OSSystemExtensionRequestDelegate>
@end

@implementation Requester

- (OSSystemExtensionReplacementAction)request:(OSSystemExtensionRequest *)request
                  actionForReplacingExtension:(OSSystemExtensionProperties *)existing
                                withExtension:(OSSystemExtensionProperties *)extension
{
    say([NSString stringWithFormat:@"replacing %@ with %@", existing.bundleShortVersion, extension.bundleShortVersion]);
    return OSSystemExtensionReplacementActionReplace;
}

- (void)requestNeedsUserApproval:(OSSystemExtensionRequest *)request
{
    say(@"needs user approval");
    exit(0);
}

- (void)request:(OSSystemExtensionRequest *)request didFinishWithResult:(OSSystemExtensionRequestResult)result
{
    BOOL later = result == OSSystemExtensionRequestWillCompleteAfterReboot;
    say(later ? @"finished: will complete after reboot" : @"finished: completed");
    exit(0);
}

- (void)request:(OSSystemExtensionRequest *)request didFailWithError:(NSError *)error
{
    say([NSString stringWithFormat:@"failed: %@ %ld", error.domain, (long)error.code]);
    exit(1);
}

@end

int main(int argc, const char *argv[])
{
    BOOL activate = argc == 3 && strcmp(argv[1], "activate") == 0;
    if (!activate && !(argc == 3 && strcmp(argv[1], "deactivate") == 0)) {
        fprintf(stderr, "usage: %s activate|deactivate BUNDLEID\n", argv[0]);
        return 64;
    }
    NSString *identifier = @(argv[2]);
    dispatch_queue_t queue = dispatch_get_main_queue();
    OSSystemExtensionRequest *request =
        activate ? [OSSystemExtensionRequest activationRequestForExtension:identifier queue:queue]
                 : [OSSystemExtensionRequest deactivationRequestForExtension:identifier queue:queue];
    static Requester *requester; /* the request holds its delegate weakly */
    requester = [Requester new];
    request.delegate = requester;
    say([NSString stringWithFormat:@"request: %s %@", argv[1], identifier]);
    [OSSystemExtensionManager.sharedManager submitRequest:request];
    dispatch_main();
}
