/// How often a target is asked only to learn how it is: one that nobody has asked for ten minutes, at one request in 500,
/// and at one in a hundred for all of them together. A decision: no clock, lock or task.
///
/// How slow it was does not matter, since another one is asked beside it after a second. What its answer costs and is
/// worth does: the caller gets it.
struct ExplorationQuota: Sendable {
    private static let longUnasked = 600.0
    private static let share = 1.0 / 500, most = 1.0 / 100
    /// How much less its answer may be worth than that of the best one, beside the time that it takes.
    private static let sacrifice = 0.05

    /// Explorations that may be made now.
    private var credit = 0.0

    /// Counts a request.
    ///
    /// - Parameter order: Those who can be asked, the best first, who need not be explored.
    /// - Returns: Who is to be asked first instead; nil for nobody.
    mutating func pick(_ order: [Int], _ standings: [AdaptiveSelection.Standing]) -> Int? {
        guard let best = order.first else { return nil }
        let least = Self.answer(standings[best]) - Self.sacrifice
        var longest: Int?, count = 0.0
        for index in order.dropFirst()
        where Self.isDue(standings[index]) && Self.answer(standings[index]) >= least {
            count += 1
            if let known = longest, standings[known].assessment.unasked >= standings[index].assessment.unasked
            {
                continue
            }
            longest = index
        }
        guard let longest else { return nil }
        credit = min(1, credit + min(Self.most, count * Self.share))
        guard credit >= 1 - 1e-9 else { return nil }
        credit = 0
        return longest
    }

    @inline(__always)
    private static func answer(_ standing: AdaptiveSelection.Standing) -> Double {
        standing.assessment.quality - standing.assessment.price
    }

    @inline(__always)
    private static func isDue(_ standing: AdaptiveSelection.Standing) -> Bool {
        standing.gate == .open && !standing.isLow && standing.assessment.unasked >= longUnasked
    }
}
