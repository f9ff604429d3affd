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
}
