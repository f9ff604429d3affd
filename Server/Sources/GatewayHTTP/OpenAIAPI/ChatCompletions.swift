import Dialects
import Gateway
import Generation
import HTTPMessage
import NIOCore
import Resilience

/// `POST /v1/chat/completions`.
struct ChatCompletions: Sendable {
    /// Headers by which other gateways let a caller choose the destination.
    private static let refusedHeaders: [StaticString] = ["x-portkey-custom-host", "x-portkey-config"]

    let gateway: Gateway

    func run(_ exchange: Exchange) async {
        let id = exchange.id
        do throws(CallerLeft) {
            let request: GenerationRequest, route: Route, wishes: CallerWishes
            do throws(OpenAIError) {
                (request, route, wishes) = try await read(exchange, id)
            } catch {
                return try await exchange.reply.refuse(error, nil, id: id)
            }
            await gateway.answer(
                request, by: route, caller: exchange.caller.name, wishes: wishes,
                arrivedAt: exchange.arrivedAt, spawner: exchange.spawner, cancellation: exchange.cancellation,
                into: ChatReplySink(exchange.reply))
        } catch {
            // Nobody is there to be told.
        }
    }

    private func read(
        _ exchange: Exchange, _ id: RequestID
    ) async throws(OpenAIError) -> (GenerationRequest, Route, CallerWishes) {
        for name in Self.refusedHeaders where exchange.head.fields.contains(name) {
            throw .invalid(
                "the header \(name) is not accepted: where requests go is decided by the gateway's configuration",
                field: "\(name)", code: "unsupported_header")
        }
        let body = exchange.body
        let scan = try await LargeBody.read(body.readableBytes) { () throws(OpenAIError) in
            try ChatRequestScan.read(body)
        }
        guard let route = gateway.route(for: scan.model) else {
            throw .invalid(
                "the model '\(scan.model)' is not known here; GET /v1/models names those that are",
                field: "model",
                code: "model_not_found", status: 404)
        }
        return (scan.request(id, exchange.body), route, try wishes(exchange, scan, route))
    }

    /// What the caller asks for beside its answer.
    private func wishes(
        _ exchange: Exchange, _ scan: ChatRequestScan, _ route: Route
    ) throws(OpenAIError) -> CallerWishes {
        var wishes = CallerWishes()
        if exchange.head.fields.contains(prefix: "x-holdfast-") {
            wishes.preferences = try PreferenceHeaders.read(
                exchange.head.fields, allowed: route.settings.selection.callerMaySet)
        }
        if let sticky = route.settings.selection.sticky {
            wishes.session = try SessionIdentity.read(exchange, scan, sticky.identity)
        }
        return wishes
    }
}
