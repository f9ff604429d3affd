/// The numbers that a field may have.
struct Bounds: Sendable, CustomStringConvertible {
    /// The least, or what it must be above.
    let least: Double
    let most: Double
    /// Whether ``least`` itself is out of bounds.
    let isAbove: Bool
    /// Whether only whole numbers are allowed.
    let isWhole: Bool

    /// A probability.
    static let share = Bounds(0, 1)

    init(_ least: Double, _ most: Double) {
        (self.least, self.most, isAbove, isWhole) = (least, most, false, false)
    }

    init(above least: Double, _ most: Double) {
        (self.least, self.most, isAbove, isWhole) = (least, most, true, false)
    }

    /// Whole numbers. Both ends must be exact as `Double` and `Int`.
    init(whole range: ClosedRange<Int>) {
        (least, most) = (Double(range.lowerBound), Double(range.upperBound))
        (isAbove, isWhole) = (false, true)
    }

    /// Whether a number is within; NaN never is.
    func contains(_ number: Double) -> Bool {
        guard number <= most, isAbove ? number > least : number >= least else {
            return false
        }
        return !isWhole || number == number.rounded()
    }

    var description: String {
        let kind = isWhole ? "a whole number" : "a number"
        return isAbove
            ? "\(kind) above \(words(least)) and at most \(words(most))"
            : "\(kind) from \(words(least)) to \(words(most))"
    }

    private func words(_ number: Double) -> String {
        Int(exactly: number).map { "\($0)" } ?? "\(number)"
    }
}
