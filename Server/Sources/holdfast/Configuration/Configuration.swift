import Gateway
import Generation
import Providers
import Resilience
import Routing
import Upstream

/// A whole configuration, checked.
struct Configuration {
    struct Server {
        var host = "127.0.0.1"
        var port = 8080
        var maximumBody = 20 << 20
        /// How long the whole body of a request may take.
        var bodyTime: Duration = .seconds(300)
        var maximumConnections = 10_000
        var maximumConnectionsPerAddress = 8000
        var drain: Duration = .seconds(30)
        /// The number of event loops; nil for one on each processor.
        var threads: Int?
        /// Where what is known of targets is kept; nil to write nothing.
        var stateFile: String?
        /// Names besides loopback by which the gateway may be asked, in lower case, without ports or brackets.
        var hosts: [String] = []
        /// The origins of web pages that may use the gateway, as browsers send them.
        var corsOrigins: [String] = []
    }

    struct Auth {
        var administrator: Secret?
        var keys: [Key] = []

        var isEmpty: Bool { administrator == nil && keys.isEmpty }

        struct Key {
            var name: String
            var key: Secret
            var preferences = RoutingPreferences()
        }
    }

    enum ProviderKind: String, CaseIterable {
        case openai
        case simulated
    }

    struct Provider {
        var name: String
        var kind: ProviderKind
        var origin: Origin
        var basePath: String
        var keys: [Secret] = []
        var headers: [(name: String, value: String)] = []
        var authorities: String?
        var asksForUsage = true
        var maximumAnswer = 32 << 20
        var concurrency: BulkheadPolicy? = BulkheadPolicy(limit: 1024, queue: 1024, maximumWait: .seconds(1))
        var simulated = SimulatedProvider.Settings(name: "")
    }

    struct Target {
        var provider: String
        var model: String
        var weight = 1
        /// How many tokens prompt and answer may have together; nil if that is not known.
        var window: Int?
        /// How it is asked to go on with a text; nil if it cannot.
        var prefill: Prefill?
        /// Dollars for a million tokens of a prompt and of an answer.
        var inputPrice: Double?
        var outputPrice: Double?
        /// From 0 to 10; 8.5 if it is not given.
        var quality: Double?
        var requestsPerMinute: Double?
        var burst: Double?
        /// The requests that its provider allows in a day; nil if that is not known.
        var quota: DailyQuota.Terms?

        /// By this name its limits are shared with other routes.
        var name: String { "\(provider)/\(model)" }

        var limit: RateLimit? {
            requestsPerMinute.map {
                RateLimit(requestsPerSecond: $0 / 60, burst: burst ?? max(1, $0 / 60))
            }
        }
    }

    struct Model {
        var name: String
        var strategy = Strategy.priority
        var targets: [Target] = []
        var limits = PhaseLimits()
        /// Whether models that think get more time for a first token than the limit, which nobody has set.
        var learnsFirstToken = true
        /// How long an answer that is not streamed may take to begin.
        var wholeAnswer: Duration = .seconds(30)
        var minimumSpeed = 0.1
        var passesOnRefusedContent = false
        var retry = RetrySettings()
        var brokenStreams = BrokenStreams.splice
        var wholeAnswers = WholeAnswers.auto
        /// Nil for what the other routes to its targets say, else the default of the strategy.
        var breaker: CircuitBreakerPolicy?
        var preferences = RoutingPreferences()
        var rules: [TimeRule] = []
        /// What requests may prefer for themselves; nil for the default.
        var callerMaySet: Set<RoutingPreferences.Name>?
        var sticky: Stickiness?
        var hedges = true
        /// A strategy that ranks beside the other one, and the share of requests that it decides, from 0 to 1.
        var shadow: Strategy?
        var rollout = 0.0
        /// What makes an answer good enough.
        var answers = AnswerRules()
    }

    enum LogFormat: String, CaseIterable {
        case json
        case text
    }

    enum LogLevel: String, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
    }

    struct Logging {
        var level = LogLevel.info
        var format = LogFormat.json
        var access = true
    }

    var server = Server()
    var auth = Auth()
    var providers: [Provider] = []
    var models: [Model] = []
    var logging = Logging()
    /// The providers that names of the form PROVIDER/MODEL reach without a route.
    var directProviders: [String] = []
    /// Model names to show besides the routes.
    var shownModels: [String] = []
    /// Whether faults of simulated providers can be switched over HTTP.
    var isDemo = false
    /// What was found in the environment that might have made a provider, for the person at the terminal.
    var findings: [Finding] = []

    /// A variable of the environment and what became of it.
    struct Finding: Hashable {
        var variable: String
        var outcome: String

        init(_ variable: String, _ outcome: String) {
            self.variable = variable
            self.outcome = outcome
        }
    }
}
