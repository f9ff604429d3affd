import Generation

extension AttemptFailure {
    /// The same with the limit that was exceeded, by its name and in words, if the provider was late.
    ///
    /// - Parameters:
    ///   - limits: Those of the attempt.
    ///   - elapsed: How long the attempt took.
    ///   - isWhole: Whether nothing of the answer shows before its end.
    func named(by limits: PhaseLimits, after elapsed: Duration, isWhole: Bool) -> AttemptFailure {
        guard cause == "timed_out" || cause == "no_whole_answer", limit == nil else { return self }
        var failure = self
        let (name, words, length) = limits.exceeded(in: phase, after: elapsed, isWhole: isWhole)
        failure.limit = name
        failure.message = "\(words) within \(length.words) (timeouts.\(name.rawValue))"
        return failure
    }
}

extension PhaseLimits {
    /// Which limit a phase that did not end has exceeded, and what did not come in time.
    fileprivate func exceeded(
        in phase: Phase, after elapsed: Duration, isWhole: Bool
    ) -> (Name, String, Duration) {
        if elapsed + .milliseconds(20) >= total {
            return (.total, "the provider's answer was not complete", total)
        }
        switch phase {
        case .admission, .connect: return (.connect, "there was no connection to the provider", connect)
        case .send: return (.idle, "the provider did not take the request", idle)
        case .head where isWhole: return (.head, "the provider did not answer", head)
        case .head, .firstToken:
            return (.firstToken, "the provider's answer did not begin", min(head, firstToken))
        case .body: return (.idle, "nothing more of the provider's answer came", idle)
        }
    }
}

extension Duration {
    /// In seconds, or in milliseconds below one.
    fileprivate var words: String {
        let milliseconds = Int64((self / .milliseconds(1)).rounded())
        if milliseconds < 1000 { return "\(milliseconds) ms" }
        return milliseconds % 1000 == 0
            ? "\(milliseconds / 1000) s" : "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s"
    }
}
