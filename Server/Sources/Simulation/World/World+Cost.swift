/// What attempts cost, in dollars. Attempts that end without an answer cost nothing.
extension World {
    /// The price of a whole answer, valid or not.
    public func cost(of request: Request, at provider: Int) -> Double {
        let site = sites[provider]
        return Double(request.input) * site.inputPrice + Double(request.output) * site.outputPrice
    }

    /// The price of an attempt that was given up: the input, and the share of the answer that was made until then.
    ///
    /// - Parameters:
    ///   - elapsed: Seconds after which it was given up. The input is paid from the beginning, as in the format's reference.
    ///   - outcome: What it would have come to; costs nothing unless that is an answer.
    public func cost(
        of request: Request, at provider: Int, givenUpAfter elapsed: Double, of outcome: Outcome
    ) -> Double {
        guard case .answer(let firstToken, let total, _) = outcome else { return 0 }
        let made =
            elapsed <= firstToken
            ? 0 : min(1, (elapsed - firstToken) / max(1e-9, total - firstToken))
        let site = sites[provider]
        return Double(request.input) * site.inputPrice
            + made * Double(request.output) * site.outputPrice
    }
}
