/// A setting of a policy that is out of its range.
///
/// Its description is a sentence such as `open.jitter is 20, but must be 0 to 1 (a share: write 0.2 for 20 %)`.
public struct PolicyProblem: Sendable, Hashable, CustomStringConvertible {
    /// The path of the setting within its policy, such as `open.jitter` or `ramp[1]`. A value that belongs to a case of an
    /// enum goes by its label, such as `window.slices`, or by the name of the case, such as `window.calls`.
    public var field: String
    /// The value, as text.
    public var value: String
    /// What the value may be, such as `0 to 1` or `1 or more`.
    public var range: String
    /// What was probably meant, if that can be guessed.
    public var hint: String?

    /// Describes a problem.
    public init(field: String, value: String, range: String, hint: String? = nil) {
        self.field = field
        self.value = value
        self.range = range
        self.hint = hint
    }

    /// A sentence that says what is wrong, without its full stop.
    public var description: String { "\(field) is \(value), but \(demand)" }

    /// What the value must be, with the hint; the end of the sentence.
    public var demand: String { "must be \(range)" + (hint.map { " (\($0))" } ?? "") }
}
