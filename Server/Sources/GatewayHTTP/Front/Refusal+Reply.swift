import Gateway
import Generation
import NIOCore

extension Refusal {
    /// A body that comes too slowly.
    static func bodyTimeout(_ fault: BodyPace.Fault, _ settings: FrontSettings) -> Refusal {
        switch fault {
        case .tooSlow:
            Refusal(
                408, "body_timeout",
                "the request's body came too slowly: less than \(settings.minimumBodyInWindow) bytes within "
                    + "\(settings.bodyWindow)")
        case .tooLong:
            Refusal(
                408, "body_timeout",
                "the request's body took more than \(settings.bodyTime); send it faster, or raise server.body_time"
            )
        }
    }

    /// A body for which there is no room beside those that are held.
    static func tooManyBodies(_ holder: BodyShares.Holder) -> Refusal {
        let whose =
            switch holder {
            case .everybody: "too many large requests are being read"
            case .address: "too many large requests from your address are being read"
            case .key: "too many large requests with your key are being read"
            }
        return Refusal(503, "too_many_bodies", whose + "; try again when some have ended", retryAfter: 1)
    }

    /// The whole reply, after which the connection is closed, and the length of its body.
    func reply(
        id: RequestID, date: ByteBuffer, allowedOrigin: String?, shape: ErrorShape
    ) -> (bytes: ByteBuffer, length: Int) {
        var head = ReplyHead(status)
        head.add("content-type", "application/json")
        head.add("x-request-id", id.description)
        if let retryAfter { head.add("retry-after", retryAfter) }
        let text = shape.body(
            ErrorShape.Problem(status: status, code: code, message: message, field: field))
        var bytes = ReplyEncoder.head(
            head, allowedOrigin: allowedOrigin, date: date, length: text.readableBytes, keepsAlive: false)
        bytes.writeImmutableBuffer(text)
        return (bytes, text.readableBytes)
    }
}
