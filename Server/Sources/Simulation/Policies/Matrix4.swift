/// A matrix of four rows and columns.
struct Matrix4: Sendable, Hashable {
    private var first, second, third, fourth: SIMD4<Double>

    static func diagonal(_ value: Double) -> Matrix4 {
        Matrix4(
            first: SIMD4(value, 0, 0, 0), second: SIMD4(0, value, 0, 0), third: SIMD4(0, 0, value, 0),
            fourth: SIMD4(0, 0, 0, value))
    }

    /// A row, from 0 to 3.
    subscript(_ row: Int) -> SIMD4<Double> {
        get {
            switch row {
            case 0: first
            case 1: second
            case 2: third
            default: fourth
            }
        }
        set {
            switch row {
            case 0: first = newValue
            case 1: second = newValue
            case 2: third = newValue
            default: fourth = newValue
            }
        }
    }

    mutating func scale(by factor: Double, addingToDiagonal addend: Double) {
        for row in 0..<4 {
            self[row] *= factor
            self[row][row] += addend
        }
    }

    func times(_ vector: SIMD4<Double>) -> SIMD4<Double> {
        SIMD4(
            (first * vector).sum(), (second * vector).sum(), (third * vector).sum(), (fourth * vector).sum())
    }

    /// The inverse of a positive definite matrix, by elimination (Gauss, Jordan); it needs no pivots.
    func inverted() -> Matrix4 {
        var rest = self, inverse = Matrix4.diagonal(1)
        for row in 0..<4 {
            let pivot = rest[row][row]
            rest[row] /= pivot
            inverse[row] /= pivot
            for other in 0..<4 where other != row {
                let factor = rest[other][row]
                rest[other] -= factor * rest[row]
                inverse[other] -= factor * inverse[row]
            }
        }
        return inverse
    }
}
