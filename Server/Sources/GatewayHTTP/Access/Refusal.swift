import Dialects
import Gateway
import Generation
import NIOCore

/// Why a request is answered by the front itself and not by its route.
struct Refusal: Error {
    var status: Int
    var code: StaticString
    /// What is wrong, and how to mend it.
    var message: String
    /// The header field that is wrong.
    var field: String?
    /// When to ask again, in seconds.
    var retryAfter: Int?
    /// The origin of the web page that may read this.
    var allowedOrigin: String?

    init(
        _ status: Int, _ code: StaticString, _ message: String, field: String? = nil, retryAfter: Int? = nil
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.retryAfter = retryAfter
    }
}

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
    func reply(id: RequestID, date: String, allowedOrigin: String?) -> (bytes: ByteBuffer, length: Int) {
        var head = ReplyHead(status)
        head.allowedOrigin = allowedOrigin
        head.add("content-type", "application/json")
        head.add("x-request-id", id.description)
        if let retryAfter { head.add("retry-after", retryAfter) }
        let text = OpenAIErrorBody.refusal(status: status, code: "\(code)", message: message, field: field)
        var bytes = ReplyEncoder.head(head, date: date, length: text.readableBytes, keepsAlive: false)
        bytes.writeImmutableBuffer(text)
        return (bytes, text.readableBytes)
    }
}
