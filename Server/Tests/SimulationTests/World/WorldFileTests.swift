import Foundation
import Testing

@testable import Simulation

@Suite struct WorldFileTests {
    /// The mistakes of a file, one line for each.
    private func mistakes(_ value: JSONValue) -> [String] {
        do {
            _ = try WorldFile(value)
            return []
        } catch {
            return error.mistakes.map(\.description)
        }
    }

    @Test func `a file without mistakes is read with all it says`() throws {
        let file = try WorldFile(Worlds.small())
        #expect(file.providers.map(\.name) == ["ash", "birch"] && file.deadline == 20)
        #expect(file.tokenTable.map(\.input) == [1000, 10])
        #expect(file.utility.perDollar == 30 && file.utility.leastQuality == 8)
        let rough = try #require(file.scenario(named: "rough"))
        #expect(rough.badRequestShare == 0.1 && rough.arrival.segments.count == 2)
        #expect(rough.incidents.map(\.shape) == [.flap, .ramp] && rough.incidents[0].providers == [1, 0])
        #expect(rough.providers[1].rateLimit == 3 && file.providers[1].rateLimit == 1)
        #expect(rough.providers[0] == file.providers[0])
        let calm = try #require(file.scenario(named: "calm"))
        #expect(calm.incidents.isEmpty && calm.badRequestShare == 0 && calm.arrival.dailyAmplitude == 0)
    }

    private static let cases: [(path: [Step], value: JSONValue?, message: String)] = [
        (
            ["scenarios", 1, "incidents", 0, "providers", 1], .text("x"),
            #"scenarios[1].incidents[0].providers[1]: no provider is called "x"; there are "ash", "birch""#
        ),
        (
            ["scenarios", 1, "incidents", 0, "providers", 1], .text("birch"),
            #"scenarios[1].incidents[0].providers[1]: "birch" is named twice: remove one"#
        ),
        (
            ["scenarios", 1, "incidents", 1, "shape"], .text("saw"),
            #"scenarios[1].incidents[1].shape: must be one of "step", "ramp", "flap", not the text "saw""#
        ),
        (
            ["scenarios", 1, "incidents", 1, "hang"], .number(1.5),
            "scenarios[1].incidents[1].hang: must be a number from 0 to 1, not 1.5"
        ),
        (
            ["scenarios", 1, "incidents", 0, "period"], .number(0),
            "scenarios[1].incidents[0].period: must be a number above 0 and at most 1000000000, not 0.0"
        ),
        (
            ["scenarios", 1, "incidents", 0, "min_input_tokens"], .number(0.5),
            "scenarios[1].incidents[0].min_input_tokens: must be a whole number from 0 to 10000000, not 0.5"
        ),
        (
            ["scenarios", 1, "incidents", 0, "providers"], .list([]),
            "scenarios[1].incidents[0].providers: must be a list of 1 to 32 entries, not a list of 0"
        ),
        (
            ["scenarios", 0, "duration"], .number(-1),
            "scenarios[0].duration: must be a number above 0 and at most 1000000000, not -1.0"
        ),
        (
            ["scenarios", 0, "duration"], nil,
            "scenarios[0].duration: is missing: give a number above 0 and at most 1000000000"
        ),
        (
            ["scenarios", 0, "duration"], .number(.nan),
            "scenarios[0].duration: must be a number above 0 and at most 1000000000, not nan"
        ),
        (
            ["scenarios", 0, "duration"], .number(1e8),
            "scenarios[0]: may make 200000000.0 arrivals, more than 5000000: lower the duration, "
                + "arrival.base_rps or the multipliers of arrival.segments"
        ),
        (
            ["scenarios", 0, "arrival", "base_rps"], .text("2"),
            "scenarios[0].arrival.base_rps: must be a number above 0 and at most 1000000, not the text \"2\""
        ),
        (
            ["scenarios", 1, "arrival", "segments", 0, 2], .number(1e6),
            "scenarios[1]: may make 300000000.0 arrivals, more than 5000000: lower the duration, "
                + "arrival.base_rps or the multipliers of arrival.segments"
        ),
        (
            ["scenarios", 1, "arrival", "segments", 0, 1], .number(10),
            "scenarios[1].arrival.segments[0][1]: must be above the segment's start, 10.0, not 10.0"
        ),
        (
            ["scenarios", 1, "arrival", "segments", 0, 1], nil,
            "scenarios[1].arrival.segments[0]: must be a list of 3 to 3 entries, not a list of 2"
        ),
        (
            ["scenarios", 1, "name"], .text("calm"),
            #"scenarios[1].name: a second scenario is called "calm"; each needs its own name"#
        ),
        (
            ["scenarios", 1, "provider_overrides", "oak"], .members([:]),
            #"scenarios[1].provider_overrides.oak: no provider is called "oak"; there are "ash", "birch""#
        ),
        (
            ["scenarios", 1, "provider_overrides", "birch", "limit_burst"], .number(0),
            "scenarios[1].provider_overrides.birch.limit_burst: must be a number from 1 to 1000000, not 0.0"
        ),
        (
            ["scenarios", 1, "provider_overrides", "birch", "name"], .text("oak"),
            "scenarios[1].provider_overrides.birch.name: a provider keeps its name: remove this"
        ),
        (["scenarios"], .list([]), "scenarios: must be a list of 1 to 1000 entries, not a list of 0"),
        (
            ["providers", 0, "tail_mult"], .null,
            "providers[0].tail_mult: must be a number above 0 and at most 1000000, not null"
        ),
        (
            ["providers", 0, "quality"], .bool(true),
            "providers[0].quality: must be a number from 0 to 100, not true"
        ),
        (
            ["providers", 0, "limit_rps"], .unreadable,
            "providers[0].limit_rps: must be a number above 0 and at most 1000000, not a number that is too "
                + "large or something nested too deeply"
        ),
        (["providers"], nil, "providers: is missing: give a list of 1 to 32 entries"),
        (["token_table"], .list([]), "token_table: must be a list of 1 to 100000 entries, not a list of 0"),
        (
            ["token_table", 1, 0], .number(-1),
            "token_table[1][0]: must be a whole number from 0 to 10000000, not -1.0"
        ),
        (
            ["utility", "latency_per_s"], .list([]),
            "utility.latency_per_s: must be a number from 0 to 1000000, not a list of 0"
        ),
        (["deadline_s"], .number(0), "deadline_s: must be a number above 0 and at most 86400, not 0.0"),
        (
            ["rng_test_vectors", 0, "key"], .text("-1"),
            "rng_test_vectors[0].key: must be a whole number below 2^64, as a text"
        ),
        (
            ["rng_test_vectors", 0, "stream"], .number(4),
            "rng_test_vectors[0].stream: must be a whole number from 1 to 3, not 4.0"
        ),
        (
            ["format"], .text("selection-world/2"),
            "format: must be \"selection-world/1\", the only format that is read, not the text "
                + "\"selection-world/2\""
        ),
    ]

    @Test(arguments: cases.indices)
    func `a mistake is told once, with its place and what must stand there`(index: Int) throws {
        let (path, value, message) = Self.cases[index]
        #expect(mistakes(try Worlds.small().with(value, at: path[...])) == [message])
    }

    @Test func `a second provider with a name is a mistake`() throws {
        let all = mistakes(try Worlds.small().with(.text("ash"), at: "providers", 1, "name"))
        #expect(
            all.first == #"providers[1].name: a second provider is called "ash"; each needs its own name"#)
    }

    @Test func `all mistakes are told at once, in the file's order`() throws {
        let value = try Worlds.small().with(.number(2), at: "providers", 1, "error_prob")
            .with(.text("x"), at: "scenarios", 1, "incidents", 1, "providers", 0)
            .with(.number(-4), at: "scenarios", 0, "arrival", "base_rps")
        #expect(
            mistakes(value).map { String($0.prefix { $0 != ":" }) } == [
                "providers[1].error_prob", "scenarios[0].arrival.base_rps",
                "scenarios[1].incidents[1].providers[0]",
            ])
    }

    @Test(arguments: [
        "", "{", "[1]", "7", #"{"format": 1e999}"#, String(repeating: "[", count: 300),
        String(repeating: "[", count: 300) + String(repeating: "]", count: 300),
        String(repeating: #"{"format":"#, count: 100_000),
    ])
    func `what is not JSON or no object is refused`(text: String) {
        #expect(throws: WorldFile.Refused.self) { try WorldFile(json: Array(text.utf8)) }
    }

    @Test func `where a file stops being JSON is said`() throws {
        let refused = #expect(throws: WorldFile.Refused.self) {
            try WorldFile(json: Array("{\"format\": 1,\n\"providers\": x}".utf8))
        }
        let words = refused?.description ?? ""
        #expect(words.hasPrefix("the file is not JSON: ") && words.contains("around"), "\(words)")
    }

    @Test func `a file that is too large is refused unread`() {
        let bytes = [UInt8](repeating: 32, count: WorldFile.mostBytes + 1)
        let refused = #expect(throws: WorldFile.Refused.self) { try WorldFile(json: bytes) }
        #expect(refused?.description == "the file has more than 8000000 bytes: split it")
    }

    @Test func `what is nested too deeply is not read, so that no stack overflows`() throws {
        let text = String(repeating: "[", count: 300) + "1" + String(repeating: "]", count: 300)
        let value = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        #expect(value.paths.count == JSONValue.deepest + 1)
    }
}
