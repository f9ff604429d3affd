/// The scenarios of a file.
extension WorldFileReader {
    mutating func scenarios(_ place: Place, _ providers: [WorldFile.Provider]) -> [WorldFile.Scenario] {
        var names: Set<String> = [], scenarios: [WorldFile.Scenario] = []
        for entry in list(place, 1...WorldFile.mostEntries) where isObject(entry) {
            let scenario = scenario(entry, providers)
            if !scenario.name.isEmpty, !names.insert(scenario.name).inserted {
                note(
                    "a second scenario is called \"\(scenario.name)\"; each needs its own name",
                    at: entry["name"])
            }
            scenarios.append(scenario)
        }
        return scenarios
    }

    private mutating func scenario(_ place: Place, _ providers: [WorldFile.Provider]) -> WorldFile.Scenario {
        let before = mistakes.count
        let scenario = WorldFile.Scenario(
            name: text(place["name"]),
            duration: number(place["duration"], Bounds(above: 0, WorldFile.mostSeconds)),
            arrival: arrival(place["arrival"]),
            incidents: incidents(place["incidents"]),
            badRequestShare: number(place["bad_request_prob"], .share, default: 0),
            estimateDeviation: number(place["estimate_sigma"], .share, default: 0.4),
            providers: replaced(providers, place["provider_overrides"]))
        let arrivals = scenario.arrival.peakRate * scenario.duration
        // A number that was out of bounds has its own mistake, and what stands in for it means nothing.
        if mistakes.count == before, !(arrivals <= Double(WorldFile.mostArrivals)) {
            note(
                "may make \(arrivals) arrivals, more than \(WorldFile.mostArrivals): "
                    + "lower the duration, arrival.base_rps or the multipliers of arrival.segments", at: place
            )
        }
        return scenario
    }

    private mutating func arrival(_ place: Place) -> WorldFile.Arrival {
        guard isObject(place) else { return WorldFile.Arrival(baseRate: 0, segments: [], dailyAmplitude: 0) }
        return WorldFile.Arrival(
            baseRate: number(place["base_rps"], Bounds(above: 0, 1e6)),
            segments: list(place["segments"], 0...WorldFile.mostEntries, optional: true)
                .compactMap { segment($0) },
            dailyAmplitude: number(place["daily_amplitude"], .share, default: 0))
    }

    private mutating func segment(_ place: Place) -> WorldFile.Segment? {
        let triple = list(place, 3...3), moment = Bounds(0, WorldFile.mostSeconds)
        guard triple.count == 3 else { return nil }
        let before = mistakes.count
        let segment = WorldFile.Segment(
            start: number(triple[0], moment), end: number(triple[1], moment),
            multiple: number(triple[2], Bounds(0, 1e6)))
        if mistakes.count == before, segment.end <= segment.start {
            note("must be above the segment's start, \(segment.start), not \(segment.end)", at: triple[1])
        }
        return segment
    }

    private mutating func incidents(_ place: Place) -> [WorldFile.Incident] {
        list(place, 0...WorldFile.mostIncidents, optional: true).compactMap { entry in
            isObject(entry) ? incident(entry) : nil
        }
    }

    private mutating func incident(_ place: Place) -> WorldFile.Incident {
        let time = Bounds(above: 0, WorldFile.mostSeconds)
        return WorldFile.Incident(
            providers: affected(place["providers"]),
            start: number(place["start"], Bounds(0, WorldFile.mostSeconds)),
            duration: number(place["duration"], time), shape: shape(place["shape"]),
            period: number(place["period"], time, default: 60),
            duty: number(place["duty"], .share, default: 0.5),
            leastInput: whole(place["min_input_tokens"], 0...10_000_000, default: 0),
            effect: effect(place))
    }

    private mutating func effect(_ place: Place) -> WorldFile.Effect {
        let multiple = Bounds(0, 1e6)
        return WorldFile.Effect(
            errorShare: number(place["error"], .share, default: 0),
            hangShare: number(place["hang"], .share, default: 0),
            firstTokenMultiple: number(place["ttft_mult"], multiple, default: 1),
            tokenMultiple: number(place["itl_mult"], multiple, default: 1),
            limitMultiple: number(place["limit_mult"], multiple, default: 1),
            invalidShare: number(place["quality_fail"], .share, default: 0))
    }

    private mutating func affected(_ place: Place) -> [Int] {
        var indices: [Int] = []
        for entry in list(place, 1...WorldFile.mostProviders) {
            let name = text(entry)
            guard !name.isEmpty, let index = provider(named: name, at: entry) else { continue }
            if indices.contains(index) { note("\"\(name)\" is named twice: remove one", at: entry) }
            indices.append(index)
        }
        return indices
    }

    private mutating func shape(_ place: Place) -> WorldFile.Incident.Shape {
        guard let value = place.value else { return .step }
        if case .text(let text) = value, let shape = WorldFile.Incident.Shape(rawValue: text) { return shape }
        let known = WorldFile.Incident.Shape.allCases.map { "\"\($0.rawValue)\"" }
        expected("one of \(known.joined(separator: ", "))", at: place)
        return .step
    }

    private mutating func replaced(
        _ providers: [WorldFile.Provider], _ place: Place
    ) -> [WorldFile.Provider] {
        guard place.value != nil, isObject(place), case .members(let members)? = place.value else {
            return providers
        }
        var replaced = providers
        for name in members.keys.sorted() {
            let entry = place[name]
            guard let index = provider(named: name, at: entry), isObject(entry) else { continue }
            for field in WorldFile.Provider.fields where entry[field.key].value != nil {
                let number = number(entry[field.key], field.bounds)
                if replaced.indices.contains(index) { replaced[index][keyPath: field.path] = number }
            }
            if entry["name"].value != nil {
                note("a provider keeps its name: remove this", at: entry["name"])
            }
        }
        return replaced
    }
}
