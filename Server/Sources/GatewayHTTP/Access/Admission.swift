import HTTPMessage

/// Decides about a request by its head, before anything of its body is read: the one place where it is refused for where
/// it comes from, who sends it or what it brings.
struct Admission: Sendable {
    /// A request that may go on.
    struct Admitted {
        let entry: RouteTable.Entry
        let caller: Caller
        /// The origin of the web page that may read the answer.
        let allowedOrigin: String?
    }

    private let routes: RouteTable
    /// The form of errors about what is no request, or none that belongs to an entry.
    let errors: ErrorShape
    private let preflight: RouteTable.Entry

    init(_ routes: RouteTable) {
        self.routes = routes
        errors = routes.errors
        preflight = Preflight.entry(routes)
    }

    /// - Parameter lastKey: The key that the same connection presented last.
    func admit(
        _ head: RequestHead, by rules: AccessRules, lastKey: inout PresentedKey
    ) throws(Refusal) -> Admitted {
        let match = routes.match(head)
        do throws(Refusal) { return try admit(match, head, rules, &lastKey) } catch {
            var refusal = error
            refusal.shape = routes.errors(match)
            throw refusal
        }
    }

    private func admit(
        _ match: RouteTable.Match, _ head: RequestHead, _ rules: AccessRules, _ lastKey: inout PresentedKey
    ) throws(Refusal) -> Admitted {
        var isOpen = false
        if case .entry(let entry) = match { isOpen = entry.access == .open }
        let origin = try rules.web.check(head, needsKeys: !rules.keys.isEmpty, isOpen: isOpen)
        do throws(Refusal) {
            if origin != nil, Preflight.isAsked(head) {
                return Admitted(entry: preflight, caller: .anyone, allowedOrigin: origin)
            }
            let entry = try entry(match, head)
            let caller = try authorize(entry, head, rules, &lastKey)
            try checkBody(entry, head, needsType: rules.keys.isEmpty)
            return Admitted(entry: entry, caller: caller, allowedOrigin: origin)
        } catch {
            var refusal = error
            refusal.allowedOrigin = origin
            throw refusal
        }
    }

    private func entry(_ match: RouteTable.Match, _ head: RequestHead) throws(Refusal) -> RouteTable.Entry {
        switch match {
        case .entry(let entry): return entry
        case .nothing:
            throw Refusal(404, "unknown_url", "there is nothing at \(head.method) \(head.path.prefix(200))")
        case .otherMethods:
            let methods = match.otherMethods ?? []
            throw Refusal(
                405, "method_not_allowed",
                "\(head.path.prefix(200)) does not know \(head.method); use \(methods.joined(separator: " or "))"
            )
        }
    }

    private func authorize(
        _ entry: RouteTable.Entry, _ head: RequestHead, _ rules: AccessRules, _ lastKey: inout PresentedKey
    ) throws(Refusal) -> Caller {
        if entry.access == .open { return .anyone }
        guard let caller = rules.caller(head, last: &lastKey) else {
            throw Refusal(
                401, "invalid_api_key",
                "a key is needed: send it as Authorization: Bearer KEY or as x-api-key")
        }
        if entry.access == .administrator, case .key = caller {
            throw Refusal(403, "permission_denied", "this needs the administrator's key")
        }
        return caller
    }

    /// - Parameter needsType: Whether the body's type must be named. A page can send a body that says it is a text, or
    ///   says nothing, without asking the browser's leave; a program with a key can be trusted to have meant it.
    private func checkBody(_ entry: RouteTable.Entry, _ head: RequestHead, needsType: Bool) throws(Refusal) {
        guard head.length ?? 0 <= entry.maximumBody else { throw entry.tooLarge }
        if let coding = head["content-encoding"], coding.lowercased() != "identity" {
            throw Refusal(
                415, "unsupported_encoding", "send the body without content-encoding",
                field: "content-encoding")
        }
        guard !entry.mediaTypes.isEmpty else { return }
        let isRight = entry.mediaTypes.contains { head.fields.value(of: "content-type", isMediaType: $0) }
        guard isRight || !needsType && !head.fields.contains("content-type") else {
            let types = entry.mediaTypes.map { "\($0)" }.joined(separator: " or ")
            throw Refusal(
                415, "unsupported_media_type", "send the body with the header content-type: \(types)",
                field: "content-type")
        }
    }
}

extension RouteTable.Entry {
    /// What a caller is told whose body is larger than this entry takes.
    var tooLarge: Refusal {
        Refusal(
            413, "request_too_large",
            maximumBody == 0 ? "this takes no body" : "the body may have at most \(maximumBody) bytes")
    }
}
