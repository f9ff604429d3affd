/// Numbers that are not spread evenly.
extension Chance {
    /// The tries after which a method of rejection gives up; each of those here succeeds more often than not.
    private static let mostTries = 128

    /// A number of the standard normal distribution (G. Marsaglia, T. A. Bray: "A convenient method for generating normal
    /// variables", 1964).
    public mutating func normal() -> Double {
        for _ in 0..<Self.mostTries {
            let x = 2 * unit() - 1, y = 2 * unit() - 1, square = x * x + y * y
            guard square > 0, square < 1 else { continue }
            return x * (-2 * Double.logarithm(square) / square).squareRoot()
        }
        return 0
    }

    /// A number of the gamma distribution with the scale 1 (G. Marsaglia, W. W. Tsang: "A simple method for generating
    /// gamma variables", 2000).
    ///
    /// - Parameter shape: Range: 1 or more; less counts as 1.
    mutating func gamma(_ shape: Double) -> Double {
        let most = shape >= 1 ? shape - 1.0 / 3 : 2.0 / 3, spread = 1 / (9 * most).squareRoot()
        for _ in 0..<Self.mostTries {
            let x = normal(), root = 1 + spread * x
            guard root > 0 else { continue }
            let cube = root * root * root, u = unit(), square = x * x
            if u < 1 - 0.0331 * square * square { return most * cube }
            if Double.logarithm(u) < 0.5 * square + most * (1 - cube + Double.logarithm(cube)) {
                return most * cube
            }
        }
        return most
    }

    /// A number of the beta distribution: a share of successes that fits what was seen.
    ///
    /// - Parameters:
    ///   - successes: The successes that were seen and 1 more. Range: 1 or more; less counts as 1.
    ///   - failures: The failures that were seen and 1 more. Range: 1 or more; less counts as 1.
    public mutating func beta(successes: Double, failures: Double) -> Double {
        let up = gamma(successes), down = gamma(failures)
        return up / (up + down)
    }
}
