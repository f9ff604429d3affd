import Foundation
import Generation
import Routing

/// A world made of the targets of a configuration's model: what is not configured is taken to be usual, and each of the
/// common incidents befalls the first target.
enum OwnWorld {
    /// The world's file.
    static func json(of model: Configuration.Model) throws -> String {
        var names: Set<String> = []
        let providers = model.targets.enumerated().map { index, target -> [String: Any] in
            var name = target.name
            if !names.insert(name).inserted { name += " \(index + 1)" }
            let rate = target.requestsPerMinute.map { $0 / 60 } ?? 20
            return [
                "name": name, "price_in_per_mtok": target.inputPrice ?? 1,
                "price_out_per_mtok": target.outputPrice ?? 4,
                "quality": target.quality ?? 8.5, "quality_fail": 0.003, "ttft_median_s": 0.6,
                "ttft_sigma": 0.3,
                "itl_median_s": 0.015, "itl_sigma": 0.15, "tail_prob": 0.005, "tail_mult": 8,
                "error_prob": 0.006,
                "hang_prob": 0.0005, "limit_rps": rate, "limit_burst": target.burst ?? max(1, rate),
                "soft_concurrency": 50,
            ]
        }
        let first = providers.first?["name"] as? String ?? ""
        let deadline = min(600, max(5, model.limits.total / .seconds(1)))
        let world: [String: Any] = [
            "format": "selection-world/1", "deadline_s": deadline, "providers": providers,
            "utility": [
                "success": 1, "quality_per_point": 0.15, "quality_ref": 8.5, "latency_per_s": 0.05,
                "cost_per_dollar": 30, "min_quality": model.preferences.minimumQuality ?? 0,
            ],
            "token_table": sizes, "scenarios": scenarios(first), "rng_test_vectors": [[String: Any]](),
        ]
        let data = try JSONSerialization.data(withJSONObject: world, options: [.sortedKeys])
        return String(decoding: data, as: UTF8.self)
    }

    private static func scenarios(_ first: String) -> [[String: Any]] {
        let incidents: [(String, [String: Any])] = [
            ("outage", ["error": 1.0]), ("hang", ["hang": 1.0]), ("brownout", ["error": 0.4]),
            ("rate_limit", ["limit_mult": 0.2]), ("slow", ["ttft_mult": 6.0, "itl_mult": 3.0]),
            ("bad_answers", ["quality_fail": 0.3]),
        ]
        let steady: [String: Any] = [
            "name": "steady", "duration": 1800, "arrival": arrival, "incidents": [[String: Any]](),
        ]
        return [steady]
            + incidents.map { name, effect in
                var incident = effect
                incident["providers"] = [first]
                (incident["start"], incident["duration"]) = (600, 600)
                return ["name": name, "duration": 1800, "arrival": arrival, "incidents": [incident]]
            }
    }

    private static var arrival: [String: Any] { ["base_rps": 4, "segments": [[Double]]()] }

    /// Tokens in and out, spread as those of conversations are: medians 1,020 and 129, 9 of 10 below 2,735 and 424 (the
    /// trace of Azure's inference services of 2023).
    private static let sizes: [[Int]] = (0..<16).flatMap { row in
        (0..<16).map { column in
            let input = quantile((Double(row) + 0.5) / 16), output = quantile((Double(column) + 0.5) / 16)
            return [max(1, Int(1020 * exp(0.77 * input))), max(1, Int(129 * exp(0.93 * output)))]
        }
    }

    /// The quantile of the normal distribution, to two figures (J. W. Tukey's lambda with 0.14).
    private static func quantile(_ share: Double) -> Double {
        4.91 * (pow(share, 0.14) - pow(1 - share, 0.14))
    }
}
