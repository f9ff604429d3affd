import Foundation
import NIOCore

/// The processors that this process may use.
enum Processors {
    /// At least one; not more than the process's affinity and its control group allow.
    static var available: Int {
        max(1, min(allowedByAffinity ?? .max, System.coreCount))
    }

    /// What `taskset` and the like left of the machine; nil where that cannot be read.
    private static var allowedByAffinity: Int? {
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Cpus_allowed:") })
        else { return nil }
        let bits = line.dropFirst("Cpus_allowed:".count).compactMap(\.hexDigitValue).reduce(0) {
            $0 + $1.nonzeroBitCount
        }
        return bits > 0 ? bits : nil
    }
}
