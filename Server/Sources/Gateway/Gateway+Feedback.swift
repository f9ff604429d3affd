public import Generation

extension Gateway {
    /// What became of a rating.
    public enum Rating: Sendable, Hashable {
        /// It counts for this target, with the label of its key.
        case counted(target: String, key: String)
        /// There is no such request of this caller, as far as is remembered.
        case unknown
        /// Nobody answered the request.
        case notAnswered
        /// The request was rated before.
        case ratedBefore
    }

    /// Notes what a user says of an answer.
    ///
    /// - Parameters:
    ///   - score: Range: 0 to 10.
    ///   - caller: Who rates. Only who asked may.
    public func rate(_ id: RequestID, score: Double, by caller: String?) -> Rating {
        let (rating, noted) =
            decisions.change(id) { decision -> (Rating, (TargetIdentity, Bool)?) in
                guard decision.caller == caller else { return (.unknown, nil) }
                guard let place = decision.answeringStep, let identity = decision.steps[place].identity
                else { return (.notAnswered, nil) }
                guard decision.score == nil else { return (.ratedBefore, nil) }
                decision.score = score
                let step = decision.steps[place]
                return (.counted(target: step.target, key: step.key), (identity, decision.isLong))
            } ?? (.unknown, nil)
        if let (identity, isLong) = noted { records.note(score: score, of: identity, isLong: isLong) }
        return rating
    }
}
