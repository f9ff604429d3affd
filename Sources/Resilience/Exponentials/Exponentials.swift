/// Exponentials and logarithms without a mathematics library, to about the last three of a number's sixteen digits.
extension Double {
    /// e^x. Range: 0 to 40; what is outside counts as the nearer end.
    ///
    /// The exponent's whole part by squaring, the rest by its series.
    static func exponential(_ x: Double) -> Double {
        guard x > 0 else { return 1 }
        let x = min(x, 40), whole = Int(x), part = x - Double(whole)
        var term = 1.0, sum = 1.0
        for index in 1...18 {
            term *= part / Double(index)
            sum += term
        }
        return 2.718281828459045.power(whole) * sum
    }

    /// 2^x; zero or infinite where it is too small or too large for a number, 1 if `x` is none.
    static func powerOfTwo(_ x: Double) -> Double {
        guard x.magnitude < 1100 else { return x < 0 ? 0 : (x > 0 ? .infinity : 1) }
        let whole = x.rounded(.down)
        return Double(
            sign: .plus, exponent: Int(whole), significand: exponential((x - whole) * logarithmOfTwo))
    }

    /// The natural logarithm; minus infinity for zero and less, and for what is no number.
    static func logarithm(_ x: Double) -> Double {
        guard x > 0 else { return -.infinity }
        guard x.isFinite else { return .infinity }
        // ln(2^e s) = e ln 2 + 2 artanh((s - 1) / (s + 1)), with s near 1 so that the series is short.
        let isLarge = x.significand > 1.4142135623730951
        let significand = isLarge ? x.significand / 2 : x.significand
        let exponent = Double(x.exponent) + (isLarge ? 1 : 0)
        let ratio = (significand - 1) / (significand + 1), square = ratio * ratio
        var sum = 0.0
        for index in stride(from: 21, through: 1, by: -2) { sum = sum * square + 1 / Double(index) }
        return exponent * logarithmOfTwo + 2 * ratio * sum
    }

    private static var logarithmOfTwo: Double { 0.6931471805599453 }
}
