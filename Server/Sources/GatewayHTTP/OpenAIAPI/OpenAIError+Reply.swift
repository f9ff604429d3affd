import Dialects
import Gateway
import Generation

extension OpenAIError {
    /// What a failure of the gateway means to the caller.
    init(_ failure: GatewayFailure) {
        switch failure {
        case .outOfTime: self = .outOfTime
        case .tooDear(let cheapest, let limit, let isCallersLimit):
            self = .tooDear(
                cheapest: cheapest, limit: limit,
                setBy: isCallersLimit ? "\(PreferenceHeaders.maximumCost)" : nil)
        case .attemptsFailed(let attempt, let wait, let isTriedOut):
            self = .failed(attempt, retryAfter: wait, isTriedOut: isTriedOut)
        case .nobodyAvailable(let refusals, let wait):
            let cooling = refusals.map { refusal -> FailureClass? in
                if case .cooling(let kind, _) = refusal { kind } else { nil }
            }
            self = .nobodyAvailable(cooling, retryAfter: wait)
        }
    }

    /// The reply's head; the summary's fields come after it.
    var head: ReplyHead {
        var head = ReplyHead(status)
        head.add("content-type", "application/json")
        if let retryAfter {
            let milliseconds = Int64((retryAfter / .milliseconds(1)).rounded(.up))
            head.add("retry-after", Int((milliseconds + 999) / 1000))
            // Only clients that retry by themselves know this one.
            if clientShouldRetry { head.add("retry-after-ms", Int(milliseconds)) }
        }
        head.add("x-should-retry", clientShouldRetry ? "true" : "false")
        return head
    }
}
