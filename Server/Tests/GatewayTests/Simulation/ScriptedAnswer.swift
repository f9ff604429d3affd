import Generation
import NIOCore
import Resilience
import Synchronization

/// One attempt at a provider that follows a script: keeps to the limits of its call, goes on with what another target began,
/// and is a stream to whom wants one.
final class ScriptedAnswer: ReplyStream {
    /// Stands in streams for events that are no part of the answer.
    static let preamble = "#"
    private static let never = Duration.seconds(1_000_000)

    private struct State {
        var next = 0
        /// What of the answer was said, with what it goes on with.
        var text = ""
        /// When the last part of it came; nil before the first.
        var lastPart: Instant?
        var isOver = false
    }

    private let script: Script
    private let call: ProviderCall
    private let time: TimeSource
    private let spawner: Spawner
    private let began: Instant
    private let books: AttemptBooks
    private let state: Mutex<State>
    /// What must be repeated before anything new is said.
    private let owed: String
    /// The parts that are said.
    private let words: ArraySlice<String>

    init(
        _ script: Script, _ call: ProviderCall, _ time: TimeSource, _ spawner: Spawner, _ books: AttemptBooks
    ) {
        (self.script, self.call, self.time, self.spawner, self.books) = (script, call, time, spawner, books)
        began = time.now
        switch call.goingOn {
        case .prefilled(let delivered, _)?:
            let given = String(decoding: delivered.texts.first ?? [], as: UTF8.self)
            owed = ""
            var said = 0
            words = script.words.drop { word in
                said += word.utf8.count
                return said <= given.utf8.count
            }
            state = Mutex(State(text: given))
        case .fromScratch(let delivered)?:
            owed = String(decoding: delivered.texts.first ?? [], as: UTF8.self)
            words = script.words[...]
            state = Mutex(State())
        case nil:
            owed = ""
            words = script.words[...]
            state = Mutex(State())
        }
    }

    /// Answers as a provider does: with all of it or with a stream that has begun.
    func open() async throws(AttemptFailure) -> Reply {
        do throws(AttemptFailure) { return try await reply() } catch {
            end()
            throw error
        }
    }

    private func reply() async throws(AttemptFailure) -> Reply {
        let isStreamed = call.request.streams || call.asStream
        let rest = isStreamed ? .zero : script.pause * words.count
        var takes = (isStreamed ? nil : script.moments.last) ?? script.delay + rest
        if !isStreamed, case .silence = script.end { takes = Self.never }
        try await wait(until: began.advanced(by: takes), .head, call.limits.head, since: began)
        if let failure = script.failure { throw failure }
        if call.asStream, script.refusesStreams { throw Script.failure(.invalidRequest, "stream_refused") }
        if case .prefilled? = call.goingOn, script.refusesPrefill {
            throw Script.failure(.invalidRequest, "bad_request")
        }
        if call.request.streams {
            books.promise(state.withLock { $0.text } + words.joined(), of: call.request.id)
            return .stream(self)
        }
        while let piece = try await piece(isStreamed) {
            if isStreamed, piece.isProgress { try call.onEvents?(piece.events) }
        }
        let text = state.withLock { $0.text }
        if text.isEmpty, !call.allowsEmpty { throw Script.failure(.qualityFailure, "empty", phase: .body) }
        books.promise(text, of: call.request.id)
        end()
        var whole = WholeReply(body: ByteBuffer(string: text), facts: facts)
        whole.choices = choices
        return .whole(whole)
    }

    // MARK: Streams

    func next() async throws(AttemptFailure) -> ReplyPiece? {
        do throws(AttemptFailure) {
            if let piece = try await piece(true) { return piece }
        } catch {
            end()
            throw error
        }
        end()
        return nil
    }

    /// The next part that is new to the caller.
    private func piece(_ isTimed: Bool) async throws(AttemptFailure) -> ReplyPiece? {
        while true {
            let (index, last) = state.withLock { state in
                defer { state.next += 1 }
                return (state.next, state.lastPart)
            }
            let said = index - script.preamble, due = began.advanced(by: script.moment(index, isTimed))
            let stop = script.stop(at: said, of: words.count)
            if case .silence = stop { try await wait(last, until: began.advanced(by: Self.never)) }
            try await wait(last, until: due)
            if case .failure(let failure, _) = stop { throw failure }
            guard said >= 0 else {
                return ReplyPiece(bytes: ByteBuffer(string: Self.preamble), events: 1, isProgress: false)
            }
            guard said < words.count else { break }
            if let new = try say(words[words.startIndex + said]) {
                return ReplyPiece(bytes: ByteBuffer(string: new), events: 1, isProgress: true)
            }
        }
        guard state.withLock({ $0.text.utf8.count }) >= owed.utf8.count else { throw Self.differs }
        return nil
    }

    private static let differs = Script.failure(.qualityFailure, "different_text", phase: .body)

    /// - Returns: What of a word the caller does not have; nil if it has all of it.
    private func say(_ word: String) throws(AttemptFailure) -> String? {
        let now = time.now
        let (before, text) = state.withLock { state in
            defer { state.text += word }
            state.lastPart = now
            return (state.text, state.text + word)
        }
        guard text.hasPrefix(owed) || owed.hasPrefix(text) else { throw Self.differs }
        let new = text.dropFirst(max(before.count, owed.count))
        return new.isEmpty ? nil : String(new)
    }

    private func wait(_ last: Instant?, until moment: Instant) async throws(AttemptFailure) {
        guard let last else {
            return try await wait(
                until: moment, .firstToken,
                call.asStream || call.request.streams ? call.limits.firstToken : nil,
                since: began)
        }
        try await wait(until: moment, .idle, call.limits.idle, since: last)
    }

    /// Waits within a limit and the one for all of it.
    private func wait(
        until moment: Instant, _ name: PhaseLimits.Name, _ limit: Duration?, since: Instant
    ) async throws(AttemptFailure) {
        let last = began.advanced(by: call.limits.total)
        let ends = min(limit.map(since.advanced) ?? last, last)
        let slept = await Nap.sleep(
            until: min(moment, ends), time, spawner, call.cancellation, isDeaf: script.isDeaf)
        guard slept else { throw Script.failure(.systemError, "cancelled") }
        guard moment <= ends, time.now <= last else {
            let phase: Phase = name == .head ? .head : name == .firstToken ? .firstToken : .body
            var failure = Script.failure(.timeout, "timed_out", phase: phase)
            failure.limit = ends == last ? .total : name
            throw failure
        }
    }

    var facts: ReplyFacts {
        ReplyFacts(
            model: "m", usage: script.saysUsage ? Usage(promptTokens: 10, completionTokens: 10) : nil,
            finishReason: .stop)
    }

    var delivered: DeliveredText? {
        guard call.keepsText else { return nil }
        var text = DeliveredText()
        text.add(state.withLock { $0.text }.utf8, toChoice: 0)
        return text
    }

    var choices: [AnsweredChoice]? {
        guard call.keepsChoices else { return nil }
        var choice = AnsweredChoice()
        choice.text = state.withLock { $0.text }
        choice.finishReason = .stop
        return [choice]
    }

    func cancel() { end() }

    private func end() {
        let isFirst = state.withLock { state in
            defer { state.isOver = true }
            return !state.isOver
        }
        if isFirst { books.ended(call.request.id, isDeaf: script.isDeaf) }
    }
}
