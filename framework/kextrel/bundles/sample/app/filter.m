/* The smallest network extension: a content filter that lets everything through. */
#import <NetworkExtension/NetworkExtension.h>

@interface FilterDataProvider : NEFilterDataProvider
@end

@implementation FilterDataProvider

- (void)startFilterWithCompletionHandler:(void (^)(NSError *))completionHandler
{
    completionHandler(nil);
}

- (void)stopFilterWithReason:(NEProviderStopReason)reason completionHandler:(void (^)(void))completionHandler
{
    completionHandler();
}

- (NEFilterNewFlowVerdict *)handleNewFlow:(NEFilterFlow *)flow
{
    return [NEFilterNewFlowVerdict allowVerdict];
}

@end

int main(void)
{
    [NEProvider startSystemExtensionMode];
    dispatch_main();
}
