import Resilience
import Testing

/// A policy with one setting out of its range.
struct WrongSetting: Sendable, CustomTestStringConvertible {
    /// The policy as it is when nobody says anything, or with the case that has the setting.
    var sound: any CheckedPolicy
    /// The same with the wrong setting.
    var policy: any CheckedPolicy
    /// The path of the setting.
    var field: String

    init<Policy: CheckedPolicy>(_ sound: Policy, _ field: String, _ change: (inout Policy) -> Void) {
        var policy = sound
        change(&policy)
        (self.sound, self.policy, self.field) = (sound, policy, field)
    }

    /// The name of the policy's type, without the module.
    var type: String { Self.name(of: policy) }

    var testDescription: String { "\(type).\(field)" }

    /// The name of a policy's type, without the module.
    static func name(of policy: any CheckedPolicy) -> String {
        String(String(reflecting: Swift.type(of: policy)).drop { $0 != "." }.dropFirst())
    }
}
