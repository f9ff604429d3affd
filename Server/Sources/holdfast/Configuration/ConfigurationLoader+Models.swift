import Gateway
import Generation
import Resilience
import Routing

// The sections for the names that callers use, and what stands behind them.
extension ConfigurationLoader {
    mutating func readModel(_ name: String, _ setting: SettingsReader.Setting) {
        guard (1...256).contains(name.utf8.count), name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return reader.note(
                "a model's name must be 1 to 256 printable characters without spaces", at: setting)
        }
        let members = reader.members(
            of: setting,
            known: [
                "strategy", "targets", "timeouts", "retry", "breaker", "broken_streams", "whole_answers",
                "refused_content", "minimum_speed", "hedge", "rules", "caller_may_set", "sticky", "answers",
                "shadow", "rollout",
            ] + Self.preferenceNames)
        var model = Configuration.Model(name: name)
        if let strategy = members["strategy"].flatMap({ reader.choice($0, of: Strategy.self) }) {
            model.strategy = strategy
        }
        if let targets = members["targets"] {
            let elements = reader.elements(of: targets)
            if elements.isEmpty { reader.note("needs at least one target", at: targets) }
            if elements.count > 64 { reader.note("may have at most 64 targets", at: targets) }
            model.targets = elements.compactMap { readTarget($0) }
        } else {
            reader.note("targets is missing; name at least one", at: setting)
        }
        if let conduct = members["broken_streams"].flatMap({ reader.choice($0, of: BrokenStreams.self) }) {
            model.brokenStreams = conduct
        }
        if let manner = members["whole_answers"].flatMap({ reader.choice($0, of: WholeAnswers.self) }) {
            model.wholeAnswers = manner
        }
        if let conduct = members["refused_content"].flatMap({ reader.choice($0, of: RefusedContent.self) }) {
            model.passesOnRefusedContent = conduct == .next
        }
        if let share = members["minimum_speed"].flatMap({ reader.number($0, 0...1) }) {
            model.minimumSpeed = share
        }
        if let timeouts = members["timeouts"] { readTimeouts(timeouts, &model) }
        if let retry = members["retry"] { readRetry(retry, &model) }
        if let breaker = members["breaker"] { readBreaker(breaker, &model) }
        if let answers = members["answers"] { readAnswers(answers, &model) }
        readShadow(members, &model)
        readSelection(members, &model)
        configuration.models.append(model)
    }

    private mutating func readTarget(_ setting: SettingsReader.Setting) -> Configuration.Target? {
        let members = reader.members(
            of: setting,
            known: [
                "provider", "model", "weight", "prefill", "context", "price_in", "price_out", "quality",
                "requests_per_minute", "burst", "requests_per_day", "quota_resets_at",
            ])
        guard let providerSetting = members["provider"], let modelSetting = members["model"] else {
            reader.note("needs a provider and a model", at: setting)
            return nil
        }
        guard let provider = reader.text(providerSetting),
            let model = reader.text(
                modelSetting, where: { (1...256).contains($0.utf8.count) }, else: "must have 1 to 256 bytes")
        else { return nil }
        let names = providerNames
        if !names.contains(provider) {
            let hint =
                nearest(provider, names).map { "did you mean '\($0)'?" }
                ?? "there are: \(names.joined(separator: ", "))"
            reader.note("there is no provider '\(provider.prefix(64))'; \(hint)", at: providerSetting)
        }
        var target = Configuration.Target(provider: provider, model: model)
        if let weight = members["weight"].flatMap({ reader.integer($0, 0...1_000_000) }) {
            target.weight = weight
        }
        target.window = members["context"].flatMap { reader.integer($0, 1...100_000_000) }
        target.prefill = members["prefill"].flatMap { reader.choice($0, of: Prefill.self) }
        readFacts(members, &target)
        target.quota = readQuota(members)
        return target
    }

    /// What strategies that learn know of a target from the beginning.
    private mutating func readFacts(
        _ members: [String: SettingsReader.Setting], _ target: inout Configuration.Target
    ) {
        target.inputPrice = members["price_in"].flatMap { reader.number($0, 0...1_000_000) }
        target.outputPrice = members["price_out"].flatMap { reader.number($0, 0...1_000_000) }
        target.quality = members["quality"].flatMap { reader.number($0, 0...10) }
        target.requestsPerMinute = members["requests_per_minute"].flatMap {
            reader.number($0, 0.01...100_000_000)
        }
        target.burst = members["burst"].flatMap { reader.number($0, 1...1_000_000) }
        if let burst = members["burst"], members["requests_per_minute"] == nil {
            reader.note("needs requests_per_minute as well", at: burst)
        }
    }

    private mutating func readTimeouts(_ setting: SettingsReader.Setting, _ model: inout Configuration.Model)
    {
        let members = reader.members(of: setting, known: ["connect", "head", "first_token", "idle", "total"])
        let range = Duration.milliseconds(1) ... .seconds(3600)
        if let time = members["connect"].flatMap({ reader.duration($0, range) }) {
            model.limits.connect = time
        }
        if let time = members["first_token"].flatMap({ reader.duration($0, range) }) {
            model.limits.firstToken = time
            model.limits.head = time
            model.learnsFirstToken = false
        }
        if let time = members["head"].flatMap({ reader.duration($0, range) }) {
            model.limits.head = time
            model.wholeAnswer = time
        }
        if let time = members["idle"].flatMap({ reader.duration($0, range) }) { model.limits.idle = time }
        if let time = members["total"].flatMap({ reader.duration($0, range) }) { model.limits.total = time }
    }

    private mutating func readRetry(_ setting: SettingsReader.Setting, _ model: inout Configuration.Model) {
        let members = reader.members(of: setting, known: ["max_attempts", "patience"])
        if let count = members["max_attempts"].flatMap({ reader.integer($0, 1...20) }) {
            model.retry.maximumAttempts = count
        }
        if let time = members["patience"].flatMap({ reader.duration($0, .zero ... .seconds(600)) }) {
            model.retry.patience = time
        }
    }

    /// The settings that the fields of a breaker's policy are read from.
    private static let breakerSettings = [
        "failureRate": "failure_rate", "minimumCalls": "minimum_calls", "window.time": "window",
        "window.calls": "window_calls", "open.first": "open", "open.maximum": "max_open",
        "slowCallDuration": "slow_call", "slowCallRate": "slow_call_rate",
        "consecutiveFailures": "consecutive_failures", "verdict.consecutiveSuccesses": "probes",
    ]

    private mutating func readBreaker(_ setting: SettingsReader.Setting, _ model: inout Configuration.Model) {
        let members = reader.members(of: setting, known: Self.breakerSettings.values.sorted())
        var breaker = CircuitBreakerPolicy.target
        if let rate = members["failure_rate"].flatMap({ reader.number($0) }) {
            breaker.failureRate = rate
        }
        if let calls = members["minimum_calls"].flatMap({ reader.integer($0) }) {
            breaker.minimumCalls = calls
        }
        if let window = members["window"].flatMap({
            reader.duration($0, .milliseconds(100) ... .seconds(3600))
        }) {
            breaker.window = .time(window)
        }
        if let calls = members["window_calls"] {
            if members["window"] != nil { reader.note("give either window or window_calls", at: calls) }
            if let count = reader.integer(calls) { breaker.window = .calls(count) }
        }
        if let time = members["open"].flatMap({ reader.duration($0, .milliseconds(1) ... .seconds(3600)) }) {
            breaker.open.first = time
        }
        if let time = members["max_open"].flatMap({
            reader.duration($0, .milliseconds(1) ... .seconds(86_400))
        }) {
            breaker.open.maximum = time
        }
        if let time = members["slow_call"].flatMap({
            reader.duration($0, .milliseconds(1) ... .seconds(3600))
        }) {
            breaker.slowCallDuration = time
            breaker.slowCallRate = 0.8
        }
        if let rate = members["slow_call_rate"] {
            if members["slow_call"] == nil { reader.note("needs slow_call as well", at: rate) }
            if let value = reader.number(rate) { breaker.slowCallRate = value }
        }
        if let setting = members["consecutive_failures"], let count = reader.integer(setting) {
            if count < 0 {
                reader.note("must be 1 or more, or 0 for no such number, not \(count)", at: setting)
            }
            breaker.consecutiveFailures = count > 0 ? count : nil
        }
        if let probes = members["probes"].flatMap({ reader.integer($0) }) {
            breaker.verdict = .consecutiveSuccesses(probes)
        }
        if members["max_open"] == nil { breaker.open.maximum = max(breaker.open.maximum, breaker.open.first) }
        note(breaker.problems, Self.breakerSettings, members, in: setting)
        model.breaker = breaker
    }
}

/// What becomes of a request whose content a target refuses.
private enum RefusedContent: String, CaseIterable {
    case stop
    case next
}
