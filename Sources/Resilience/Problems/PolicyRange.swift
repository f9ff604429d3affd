/// The values that a setting may have; unlike the ranges of the standard library it may leave out its lower bound.
///
/// A lowest value above the highest is allowed, since both may be settings: such a range holds nothing.
public struct PolicyRange<Bound: Comparable & Sendable>: Sendable {
    private enum End: Sendable {
        case none
        case closed(Bound)
        case open(Bound)
    }

    private let lower: End
    private let upper: End

    /// The values from `least` to `most`, both included.
    public static func from(_ least: Bound, to most: Bound) -> Self {
        Self(lower: .closed(least), upper: .closed(most))
    }

    /// The values from `least` on.
    public static func atLeast(_ least: Bound) -> Self { Self(lower: .closed(least), upper: .none) }

    /// The values above `bound`, without it.
    public static func above(_ bound: Bound) -> Self { Self(lower: .open(bound), upper: .none) }

    /// The values above `bound`, without it, to `most`.
    public static func above(_ bound: Bound, to most: Bound) -> Self {
        Self(lower: .open(bound), upper: .closed(most))
    }

    /// The values above `bound` and below `limit`, without either.
    public static func above(_ bound: Bound, below limit: Bound) -> Self {
        Self(lower: .open(bound), upper: .open(limit))
    }

    /// Whether a value is within the range; what is not a number never is.
    public func contains(_ value: Bound) -> Bool {
        let isAboveLower =
            switch lower {
            case .none: true
            case .closed(let least): value >= least
            case .open(let bound): value > bound
            }
        let isBelowUpper =
            switch upper {
            case .none: true
            case .closed(let most): value <= most
            case .open(let limit): value < limit
            }
        return isAboveLower && isBelowUpper
    }

    /// The range in words, such as `above 0 to 1`.
    func text(_ show: (Bound) -> String) -> String {
        let above: String
        switch lower {
        case .none: above = ""
        case .closed(let least): above = show(least)
        case .open(let bound): above = "above \(show(bound))"
        }
        switch (lower, upper) {
        case (.closed, .none): return "\(above) or more"
        case (_, .none): return above
        case (_, .closed(let most)): return "\(above) to \(show(most))"
        case (_, .open(let limit)): return "\(above) to below \(show(limit))"
        }
    }
}
