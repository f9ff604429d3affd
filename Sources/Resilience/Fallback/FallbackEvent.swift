/// A call failed and a fallback was asked.
public struct FallbackEvent: Sendable, Hashable {
    /// The fallback's name.
    public var fallback: String
    /// The rung that served; nil if none could.
    public var rung: String?
    /// The rungs that failed before it.
    public var failedRungs: [String]
}

extension FallbackEvent: ResilienceEvent {
    /// The fallback's name.
    public var strategy: String { fallback }

    /// `fallback_served`; `fallback_exhausted` when rungs were asked and all failed; `fallback_unhandled` when no rung is
    /// for this error.
    public var kind: String {
        if rung != nil { return "fallback_served" }
        return failedRungs.isEmpty ? "fallback_unhandled" : "fallback_exhausted"
    }

    /// An error when all rungs failed, a warning when one served, else information.
    public var severity: EventSeverity {
        if rung != nil { return .warning }
        return failedRungs.isEmpty ? .information : .error
    }
}
