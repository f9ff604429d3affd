/// The parts of a file but its scenarios.
extension WorldFileReader {
    mutating func file(_ place: Place) -> WorldFile {
        let known = isObject(place) && isKnownFormat(place["format"])
        let providers = known ? providers(place["providers"]) : []
        let table = known ? tokenTable(place["token_table"]) : []
        let scenarios = known ? scenarios(place["scenarios"], providers) : []
        let utility = known ? utility(place["utility"]) : nil
        return WorldFile(
            providers: providers, scenarios: scenarios, tokenTable: table,
            utility: utility
                ?? WorldFile.Utility(
                    success: 0, perQuality: 0, referenceQuality: 0, perSecond: 0, perDollar: 0,
                    leastQuality: 0),
            deadline: known ? number(place["deadline_s"], Bounds(above: 0, 86_400), default: 30) : 30,
            vectors: known ? vectors(place["rng_test_vectors"]) : [])
    }

    private mutating func isKnownFormat(_ place: Place) -> Bool {
        if place.value == .text(WorldFile.format) { return true }
        expected("\"\(WorldFile.format)\", the only format that is read", at: place)
        return false
    }

    private mutating func providers(_ place: Place) -> [WorldFile.Provider] {
        var providers: [WorldFile.Provider] = []
        for entry in list(place, 1...WorldFile.mostProviders) where isObject(entry) {
            var provider = WorldFile.Provider(name: text(entry["name"]))
            for field in WorldFile.Provider.fields {
                provider[keyPath: field.path] = number(entry[field.key], field.bounds)
            }
            if !provider.name.isEmpty,
                providerIndex.updateValue(providers.count, forKey: provider.name) != nil
            {
                note(
                    "a second provider is called \"\(provider.name)\"; each needs its own name",
                    at: entry["name"])
            }
            providers.append(provider)
        }
        return providers
    }

    private mutating func tokenTable(_ place: Place) -> [WorldFile.TokenCount] {
        list(place, 1...WorldFile.mostTokenCounts).map { row in
            let pair = list(row, 2...2)
            guard pair.count == 2 else { return WorldFile.TokenCount(input: 0, output: 0) }
            return WorldFile.TokenCount(
                input: whole(pair[0], 0...10_000_000), output: whole(pair[1], 0...10_000_000))
        }
    }

    private mutating func utility(_ place: Place) -> WorldFile.Utility? {
        guard isObject(place) else { return nil }
        let points = Bounds(0, 1e6)
        return WorldFile.Utility(
            success: number(place["success"], points),
            perQuality: number(place["quality_per_point"], points),
            referenceQuality: number(place["quality_ref"], points),
            perSecond: number(place["latency_per_s"], points),
            perDollar: number(place["cost_per_dollar"], points),
            leastQuality: number(place["min_quality"], points, default: 0))
    }

    private mutating func vectors(_ place: Place) -> [WorldFile.Vector] {
        list(place, 0...WorldFile.mostEntries, optional: true).compactMap { entry in
            guard isObject(entry) else { return nil }
            // Beyond 2^53 a JSON number is no longer exact, so keys are texts.
            let counter = 0...(1 << 53), unit = Bounds(0, 1), normal = Bounds(-10, 10)
            let stream = CounterRandom.Stream(rawValue: UInt64(whole(entry["stream"], 1...3)))
            let key = UInt64(text(entry["key"]))
            if key == nil { note("must be a whole number below 2^64, as a text", at: entry["key"]) }
            let normals = list(entry["z"], 2...2).map { number($0, normal) }
            return WorldFile.Vector(
                seed: UInt64(whole(entry["seed"], counter)), stream: stream ?? .arrivals,
                first: UInt64(whole(entry["a"], counter)), second: UInt64(whole(entry["b"], counter)),
                key: key ?? 0, units: [number(entry["u0"], unit), number(entry["u1"], unit)],
                normals: normals)
        }
    }
}
