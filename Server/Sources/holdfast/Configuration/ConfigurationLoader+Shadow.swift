import Routing

// A strategy that ranks beside a model's own one.
extension ConfigurationLoader {
    mutating func readShadow(_ members: Members, _ model: inout Configuration.Model) {
        if let setting = members["shadow"], let strategy = reader.choice(setting, of: Strategy.self) {
            model.shadow = strategy
            let learning = Strategy.allCases.filter(\.learns).map(\.rawValue).joined(separator: ", ")
            if !strategy.learns {
                reader.note("must be a strategy that learns: one of \(learning)", at: setting)
            } else if strategy == model.strategy {
                reader.note(
                    "must be another one than strategy; leave it out, or change strategy", at: setting)
            }
        }
        guard let rollout = members["rollout"] else { return }
        if members["shadow"] == nil { reader.note("needs shadow as well", at: rollout) }
        guard let text = reader.text(rollout) else { return }
        guard text.hasSuffix("%"), let share = Double(text.dropLast()), (0...100).contains(share) else {
            return reader.note(
                "must be a share of requests from 0% to 100%, such as 25%, not '\(text.prefix(40))'",
                at: rollout)
        }
        model.rollout = share / 100
    }
}
