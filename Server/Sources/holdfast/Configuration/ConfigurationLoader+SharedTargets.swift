// What belongs to a target, whatever the routes that lead to it. It is enough that one of them names it.
extension ConfigurationLoader {
    /// Routes that share a target must agree about what it has once.
    mutating func checkSharedTargets(_ setting: SettingsReader.Setting) {
        check("breaker", of: "breaker settings", at: setting) { model, _ in model.breaker }
        check("rate limit", of: "requests_per_minute and burst", at: setting) { $1.limit }
        check("daily quota", of: "requests_per_day and quota_resets_at", at: setting) { $1.quota }
    }

    private mutating func check<Value: Equatable>(
        _ what: String, of members: String, at setting: SettingsReader.Setting,
        _ value: (Configuration.Model, Configuration.Target) -> Value?
    ) {
        var known: [String: (model: String, value: Value)] = [:]
        for model in configuration.models {
            for target in model.targets {
                guard let value = value(model, target) else { continue }
                if let other = known[target.name], other.value != value {
                    reader.note(
                        "models.\(model.name) and models.\(other.model) share the target \(target.name), which has one "
                            + "\(what); give both the same \(members)", at: setting)
                }
                known[target.name] = (model.name, value)
            }
        }
    }
}
