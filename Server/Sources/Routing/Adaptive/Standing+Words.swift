extension AdaptiveSelection.Standing: CustomStringConvertible {
    /// Where it stands and why, in words.
    public var description: String {
        let terms = assessment
        var words =
            "worth \(worth.shown): quality \(terms.quality.signed), price \((-terms.price).signed), latency "
            + "\((-terms.latency).signed), risk \((-terms.risk).signed), headroom \((-terms.headroom).signed); "
            + "expected \(terms.time.shown) s and $\(terms.dollars.shown), \((terms.success * 100).shown) % success "
            + "from \(terms.evidence.shown) requests"
        switch gate {
        case .open: break
        case .probe: words += "; its breaker wants a probe"
        case .shut: words += "; passed over: its breaker is open"
        case .away(let seconds): words += "; passed over: to be left alone for \(seconds.shown) s"
        }
        if terms.isQuotaUsedUp {
            words += "; passed over: its daily quota is used up for \(terms.roomAfter.shown) s"
        } else if !terms.hasRoom {
            words += "; passed over: no room in its rate limit"
        }
        if isTooDear { words += "; passed over: dearer than is allowed" }
        if isLow { words += "; below the quality that is wanted" }
        if isExplored {
            words +=
                "; asked first to learn how it is, since nobody has asked it for \(terms.unasked.shown) s"
        }
        return words
    }

    /// What speaks for this one rather than for `other`, in words.
    public func advantage(over other: Self) -> String {
        let mine = assessment, its = other.assessment
        var words: [String] = []
        if its.dollars > 0, mine.dollars != its.dollars {
            let share = (mine.dollars / its.dollars - 1) * 100
            words.append("\(abs(share).shown) % \(share < 0 ? "cheaper" : "dearer")")
        }
        let time = mine.time - its.time
        if abs(time) >= 0.05 { words.append("\(abs(time).shown) s \(time < 0 ? "faster" : "slower")") }
        let odds = ((1 - its.success) / its.success) / ((1 - mine.success) / mine.success)
        if odds.isFinite, odds > 1.1 { words.append("\(odds.shown) times lower odds of failing") }
        if odds.isFinite, odds < 0.9 { words.append("\((1 / odds).shown) times higher odds of failing") }
        if mine.quality != its.quality {
            words.append("\(mine.quality > its.quality ? "better" : "lower") quality")
        }
        if its.headroom - mine.headroom > 0.01 { words.append("more headroom") }
        return words.isEmpty ? "as good" : words.joined(separator: ", ")
    }
}

extension Double {
    /// With at most three figures that mean something; no more than a reader needs.
    fileprivate var shown: String {
        guard isFinite, abs(self) < 1e15 else { return "\(self)" }
        let size = abs(self)
        let places: Double =
            size >= 100 ? 1 : size >= 10 ? 10 : size >= 1 ? 100 : size >= 0.01 ? 1000 : 1_000_000
        let rounded = (self * places).rounded() / places
        return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
    }

    fileprivate var signed: String { (self < 0 ? "" : "+") + shown }
}
