import Foundation
import Generation
import Providers
import Resilience
import Upstream

/// Configurations that are made without a file.
enum EnvironmentConfiguration {
    /// The demonstration, and beside it the providers whose keys are in the environment.
    ///
    /// No model has targets of both: a real model never falls back on a simulated provider.
    ///
    /// - Throws: Every variable that cannot be used, by its name. Its value is never shown.
    static func read(_ environment: [String: String]) throws(ConfigurationLoader.Refused) -> Configuration {
        var configuration = demo, mistakes: [Mistake] = []
        for vendor in KnownVendor.all {
            let url = environment[vendor.urlVariable].map(trimmed) ?? ""
            let place = Origin.parse(url.isEmpty ? vendor.url : url)
            if place == nil {
                mistakes.append(
                    mistake(
                        vendor.urlVariable,
                        "must be a URL such as https://api.example.com/v1, without user, query or fragment"))
            }
            guard let value = environment[vendor.keyVariable] else {
                if !url.isEmpty {
                    configuration.findings.append(
                        .init(vendor.urlVariable, "not used: there is no \(vendor.keyVariable)"))
                }
                continue
            }
            let key = trimmed(value)
            guard !key.isEmpty else {
                configuration.findings.append(.init(vendor.keyVariable, "not used: it is empty"))
                continue
            }
            guard ConfigurationLoader.isKey(key) else {
                mistakes.append(
                    mistake(
                        vendor.keyVariable,
                        "a key is printable ASCII without spaces and line breaks; set it again, or unset it"))
                continue
            }
            if let place { configuration.add(vendor, key, at: place, isMoved: !url.isEmpty) }
            if url.isEmpty, environment[vendor.sdkVariable] != nil {
                configuration.findings.append(
                    .init(
                        vendor.sdkVariable,
                        "not used: here it is \(vendor.urlVariable) that moves \(vendor.name)"))
            }
        }
        for (variable, vendor) in KnownVendor.notSpoken where !trimmed(environment[variable] ?? "").isEmpty {
            configuration.findings.append(
                .init(variable, "not used: the API of \(vendor) is not spoken yet"))
        }
        guard mistakes.isEmpty else { throw ConfigurationLoader.Refused(mistakes: mistakes) }
        return configuration
    }

    /// What `$(cat FILE)` and editors leave at the ends of a value does not belong to it.
    private static func trimmed(_ value: String) -> String {
        value.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static func mistake(_ variable: String, _ text: String) -> Mistake {
        Mistake(file: "environment", line: 0, column: 0, path: variable, text: text)
    }

    /// Three simulated providers behind one model, for a first look without an account.
    static var demo: Configuration {
        var configuration = Configuration()
        configuration.isDemo = true
        let origin = Origin(isSecure: false, host: "simulated", port: 1)
        for (index, name) in ["alpha", "beta", "gamma"].enumerated() {
            var provider = Configuration.Provider(name: name, kind: .simulated, origin: origin, basePath: "")
            provider.simulated = SimulatedProvider.Settings(
                name: name, firstToken: .milliseconds(60 + 20 * index))
            configuration.providers.append(provider)
        }
        var model = Configuration.Model(name: "demo")
        model.targets = configuration.providers.map {
            Configuration.Target(provider: $0.name, model: "\($0.name)-1")
        }
        configuration.models = [model]
        return configuration
    }
}

extension Configuration {
    fileprivate mutating func add(
        _ vendor: KnownVendor, _ key: String, at place: (origin: Origin, path: String), isMoved: Bool
    ) {
        providers.append(
            Provider(
                name: vendor.name, kind: .openai, origin: place.origin, basePath: place.path,
                keys: [Secret(key)]))
        directProviders.append(vendor.name)
        shownModels += vendor.models.map { "\(vendor.name)/\($0)" }
        let address = isMoved ? " at \(place.origin)\(place.path) (\(vendor.urlVariable))" : ""
        findings.append(.init(vendor.keyVariable, "used for the provider \(vendor.name)\(address)"))
    }
}
