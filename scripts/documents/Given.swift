// What the code in documents takes for granted: a service to search, its answers and errors.
import Resilience

struct Answer: Sendable {
    var timeToFirstByte = Duration.milliseconds(20)
    var isEmpty = false

    static let apology = Answer()

    func close() {}
}

enum SearchError: Error {
    case badQuery
    case busy(Duration)
}

struct HTTPError: Error { var status = 500 }
struct Unavailable: Error {}
struct ConnectionFailed: Error {}
struct NotFound: Error {}

struct Hit: Sendable {}
struct Database: Sendable { func restart() async throws {} }
struct Part: Sendable { var timeToFirstToken = Duration.milliseconds(20) }
struct Parts: Sendable { func next() async throws -> Part? { Part() } }
struct Model: Sendable { var bytes = 0 }
struct Vector: Sendable {}
struct Prompt: Sendable { var tokenCount = 1 }
struct Settings: Sendable { var deadline = Duration.seconds(1), retries = true }

func search(_ query: String) async throws -> Answer { Answer() }
func search(_ query: String, replica: Int) async throws -> Answer { Answer() }
func search(_ query: String, at target: String) async throws -> Answer { Answer() }
func search(_ query: String, timeout: Duration) async throws -> Answer { Answer() }
func ask() async throws -> Answer { Answer() }
func ask(_ query: String) async throws -> Answer { Answer() }
func ask(replica: Int) async throws -> Answer { Answer() }
func elsewhere(_ query: String) async throws -> Answer { Answer() }
func lastAnswer(_ query: String) async throws -> Answer { Answer() }
func similarAnswer() async throws -> Answer { Answer() }
func open(_ query: String) async throws -> Parts { Parts() }
func find(_ query: String) async throws -> [Hit] { [Hit()] }
func useOther() {}
func log(_ line: String) {}
func ping() async throws {}
func computeReport() -> Answer { Answer() }
func fetchModel(_ name: String) async throws -> Model { Model() }
func fetchModel(_ name: String, as user: String) async throws -> Model { Model() }
func embed(_ texts: [String]) async throws -> [Vector] { texts.map { _ in Vector() } }
func embedEach(_ texts: [String]) async -> [Result<Vector, any Error>] {
    texts.map { _ in .success(Vector()) }
}
func report(_ reason: String, _ strategy: String, _ retryAfter: Duration?) {}
func save(_ memory: CircuitBreaker.Memory) throws {}
func load() throws -> CircuitBreaker.Memory { throw NotFound() }

let query = "", question = "", host = "", name = "", text = "", texts = [""], currentUser = ""
let database = Database(), prompt = Prompt(), settings = Settings()
let time = TimeSource(), budget = RetryBudget(), quota = RetryQuota()
let breaker = CircuitBreaker("search"), retry = Retry("search"), throttle = AdaptiveThrottle("search")
let bulkhead = Bulkhead("search"), limiter = RateLimiter("search")
let hedge = Hedge("search"), ladder = Fallback<Answer>("search")
let balancer = LoadBalancer("search", targets: ["a", "b"])
let cache = Cache<String, Model>()
let pipeline = Pipeline { Retry("search") }
let batcher = Batcher<String, Vector>("embeddings") { try await embed($0) }
