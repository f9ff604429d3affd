import Foundation
import Testing

/// What the sources must not do, and what to do instead.
@Suite struct Tidy {
    private struct Ban {
        var pattern: String
        var instead: String
        /// Files in which it has its place, by the beginning of their path.
        var except: [String] = []
    }

    private static let bans = [
        Ban(
            pattern: #"(^|[^.A-Za-z])Task(\.immediate|\.detached)?\s*(\(|\{)"#,
            instead: "a task group, or a Spawner; only the front and simulations start tasks",
            except: [
                "Server/Sources/GatewayHTTP/Front/FrontConnection.swift",
                "Sources/Resilience/Spawning/Spawner.swift",
                "Sources/ResilienceTesting/Simulation/Simulation+Calls.swift",
            ]),
        Ban(pattern: #"Task\.sleep"#, instead: "TimeSource.sleep, which is handed in"),
        Ban(pattern: #"[^A-Za-z]Date\(\)"#, instead: "a wall clock that is handed in"),
        Ban(
            pattern: #"ContinuousClock(\(|\.now)"#, instead: "TimeSource, which is handed in",
            except: ["Sources/Resilience/Time/TimeSource.swift", "Server/Sources/holdfast/Assembly/"]),
        Ban(
            pattern: #"SystemRandomNumberGenerator|\.random\(in:|UUID\(\)"#,
            instead: "Chance, which is handed in",
            except: ["Sources/Resilience/Chance/Chance.swift"]),
        Ban(
            pattern: #"try!|\bas!|fatalError\(|preconditionFailure\("#,
            instead: "an error that says what is wrong"),
        Ban(
            pattern: #"JSONDecoder\("#, instead: "JSONCursor, which reads in place",
            except: [
                "Server/Sources/Simulation/World/WorldFileReader.swift",
                "Server/Sources/holdfast/State/StateFile.swift",
            ]),
        Ban(
            pattern: #"DispatchQueue|Thread\(|detachNewThread"#, instead: "a task on the event loop",
            except: [
                "Server/Sources/holdfast/Logging/LineWriter.swift",
                "Server/Sources/holdfast/Serving/SignalListener.swift",
            ]),
        Ban(pattern: #"NSLock|NIOLock|os_unfair_lock"#, instead: "Mutex"),
        Ban(
            pattern: #"(^|[^A-Za-z.])print\("#, instead: "a logger",
            except: ["Server/Sources/holdfast/Check.swift"]),
        Ban(pattern: #"@_spi|@_exported|@_disfavoredOverload"#, instead: "public API"),
        Ban(pattern: #"TODO|FIXME|XXX"#, instead: "an issue"),
    ]

    @Test(arguments: bans.indices)
    func `banned calls stay out of the sources`(index: Int) throws {
        let ban = Self.bans[index], pattern = try Regex(ban.pattern)
        for file in Repository.sourceFiles where !ban.except.contains(where: file.path.hasPrefix) {
            for (number, line) in file.lines.enumerated()
            where !line.trimmingCharacters(in: .whitespaces).hasPrefix("//") {
                if line.contains(pattern) {
                    Issue.record("\(file.path):\(number + 1): use \(ban.instead): \(line)")
                }
            }
        }
    }

    @Test func `every unchecked Sendable says what confines or locks it`() {
        for file in Repository.sourceFiles {
            for (number, line) in file.lines.enumerated() where line.contains("@unchecked Sendable") {
                #expect(line.contains("//"), "\(file.path):\(number + 1)")
            }
        }
    }

    @Test func `folders are named after concepts`() {
        let vague: Set = [
            "Utils", "Helpers", "Common", "Shared", "Extensions", "Core", "Manager", "New", "Misc",
        ]
        for file in Repository.sourceFiles {
            let parts = file.path.split(separator: "/").dropLast().map(String.init)
            #expect(vague.isDisjoint(with: parts), "\(file.path)")
        }
    }
}
