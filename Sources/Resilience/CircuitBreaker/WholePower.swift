extension Double {
    /// This number to a whole power, by squaring; infinite rather than trapping when it is too large.
    func power(_ exponent: Int) -> Double {
        var result = 1.0, factor = self, left = max(0, exponent)
        while left > 0 {
            if left & 1 == 1 { result *= factor }
            factor *= factor
            left >>= 1
        }
        return result
    }

    /// 2 to the minus `exponent`, by squaring the whole part and a polynomial for the rest (within 0.05 %).
    static func half(toThe exponent: Double) -> Double {
        guard exponent < 1000 else { return 0 }
        let whole = exponent.rounded(.down), rest = exponent - whole
        let part =
            1 - rest
            * (0.693147 - rest * (0.240227 - rest * (0.055504 - rest * (0.009618 - rest * 0.001333))))
        return 0.5.power(Int(whole)) * part
    }
}
