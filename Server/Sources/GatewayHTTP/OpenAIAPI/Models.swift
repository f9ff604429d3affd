import Foundation
import Gateway
import Generation
import NIOCore

/// `GET /v1/models`.
struct Models: Sendable {
    private struct List: Encodable {
        struct Model: Encodable {
            var id: String
            var object = "model"
            var created: Int64
            var owned_by = "holdfast"
        }

        var object = "list"
        var data: [Model]
    }

    let gateway: Gateway
    /// When the gateway was started, in seconds since 1970.
    let startedAt: Int64

    func run(_ exchange: Exchange) async {
        await exchange.sendJSON(
            List(data: gateway.routes.names.map { List.Model(id: $0, created: startedAt) }))
    }
}
