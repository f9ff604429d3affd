import Foundation

/// One direction of a plot: which values it shows, and where.
struct PlotAxis: Sendable {
    /// The least value, and the coordinate where it is.
    let low: Double
    /// The greatest value.
    let high: Double
    /// The coordinate of ``low``.
    let start: Double
    /// The coordinate of ``high``.
    let end: Double
    /// What a value is divided by to be shown in ``unit``.
    let divisor: Double
    /// The unit of the numbers beside the axis.
    let unit: String

    /// An axis over some values, which need not be in order, nor differ.
    init(_ low: Double, _ high: Double, from start: Double, to end: Double, unit: String, divisor: Double = 1)
    {
        let usable = low.isFinite && high.isFinite && abs(low) < 1e12 && abs(high) < 1e12
        self.low = usable ? min(low, high) : 0
        self.high = usable && low != high ? max(low, high) : self.low + 1
        (self.start, self.end, self.unit, self.divisor) = (start, end, unit, divisor)
    }

    /// An axis of time in the unit that suits its length.
    static func time(to seconds: Double, from start: Double, to end: Double) -> PlotAxis {
        let units: [(String, Double)] = [("days", 86_400), ("hours", 3600), ("minutes", 60)]
        let (unit, divisor) = units.first { seconds >= 2 * $0.1 } ?? ("seconds", 1)
        return PlotAxis(0, seconds, from: start, to: end, unit: unit, divisor: divisor)
    }

    /// Where a value is; never outside of the axis.
    func place(_ value: Double) -> Double {
        let share = (value - low) / (high - low)
        return start + min(max(0, share), 1) * (end - start)
    }

    /// Values at round numbers with their texts, about as many as asked for.
    func ticks(_ count: Int) -> [(value: Double, text: String)] {
        let (low, high) = (low / divisor, high / divisor)
        let step = Self.round((high - low) / Double(count))
        let decimals = min(9, max(0, Int(-(log10(step) + 1e-9).rounded(.down))))
        let first = (low / step - 1e-9).rounded(.up)
        var ticks: [(value: Double, text: String)] = []
        for index in 0...(4 * count) {
            let value = (first + Double(index)) * step
            guard value <= high + step * 1e-9 else {
                break
            }
            ticks.append((value * divisor, String(format: "%.\(decimals)f", value == 0 ? 0 : value)))
        }
        return ticks
    }

    /// Lines across a drawing at about so many round numbers of an upright axis, each with its text on the left.
    func rows(_ count: Int, from left: Double, to right: Double) -> [String] {
        ticks(count).flatMap { tick in
            let y = place(tick.value)
            return [
                Markup.line(left, y, right, y, kind: "g"),
                Markup.text(left - 6, y + 4, tick.text, anchor: "end"),
            ]
        }
    }

    /// The least number above or at a value that is 1, 2 or 5 times a power of ten.
    static func round(_ value: Double) -> Double {
        let power = pow(10, log10(max(value, 1e-9)).rounded(.down))
        let multiples: [Double] = [1, 2, 5]
        return power * (multiples.first { $0 * power >= value * 0.999_999 } ?? 10)
    }
}
