import Resilience

// What is wrong with a policy of the library that settings make: the ranges are the policy's own.
extension ConfigurationLoader {
    /// Notes the problems of a policy at the settings that its fields were read from.
    ///
    /// - Parameters:
    ///   - names: The name of each field's setting; the problem of another field is noted at the section.
    ///   - members: The settings of the section that are there.
    mutating func note(
        _ problems: [PolicyProblem], _ names: [String: String], _ members: Members,
        in section: SettingsReader.Setting
    ) {
        for problem in problems {
            if let setting = names[problem.field].flatMap({ members[$0] }) {
                reader.note("\(problem.demand), not \(problem.value)", at: setting)
            } else {
                reader.note(problem.description, at: section)
            }
        }
    }
}
