import Generation
import JSON

/// The members of a request that are known, and what is done with each.
extension ChatRequestScan {
    enum Allowed: Hashable {
        case string, number, bool, array, object, stringOrArray, stringOrObject

        func allows(_ kind: JSONCursor.ValueKind) -> Bool {
            switch self {
            case .string: kind == .string
            case .number: kind == .number
            case .bool: kind == .bool
            case .array: kind == .array
            case .object: kind == .object
            case .stringOrArray: kind == .string || kind == .array
            case .stringOrObject: kind == .string || kind == .object
            }
        }

        var words: String {
            switch self {
            case .string: "a string"
            case .number: "a number"
            case .bool: "true or false"
            case .array: "an array"
            case .object: "an object"
            case .stringOrArray: "a string or an array"
            case .stringOrObject: "a string or an object"
            }
        }
    }

    /// What is known of a member that is known.
    enum Rule {
        /// It is read.
        case own
        /// It would say where a request goes or with whose key.
        case refused
        /// Its type alone is checked; it may be null.
        case plain(Allowed)
    }

    enum Member: String, JSONMember {
        case model, messages, stream
        case streamOptions = "stream_options"
        case choices = "n"
        case maxTokens = "max_tokens"
        case maxCompletionTokens = "max_completion_tokens"
        case responseFormat = "response_format"

        case apiBase = "api_base"
        case baseURL = "base_url"
        case apiKey = "api_key"
        case endpoint
        case azureEndpoint = "azure_endpoint"
        case extraHeaders = "extra_headers"
        case organization, proxy
        case customProvider = "custom_llm_provider"

        case temperature
        case topP = "top_p"
        case frequencyPenalty = "frequency_penalty"
        case presencePenalty = "presence_penalty"
        case seed
        case topLogprobs = "top_logprobs"
        case logprobs
        case parallelToolCalls = "parallel_tool_calls"
        case store, stop, user
        case logitBias = "logit_bias"
        case tools
        case toolChoice = "tool_choice"
        case functions
        case functionCall = "function_call"
        case metadata
        case reasoningEffort = "reasoning_effort"
        case serviceTier = "service_tier"
        case modalities, audio, prediction, verbosity

        var rule: Rule {
            switch self {
            case .model, .messages, .stream, .streamOptions, .choices, .maxTokens, .maxCompletionTokens,
                .responseFormat:
                .own
            case .apiBase, .baseURL, .apiKey, .endpoint, .azureEndpoint, .extraHeaders, .organization,
                .proxy, .customProvider:
                .refused
            case .temperature, .topP, .frequencyPenalty, .presencePenalty, .seed, .topLogprobs:
                .plain(.number)
            case .logprobs, .parallelToolCalls, .store: .plain(.bool)
            case .user, .reasoningEffort, .serviceTier, .verbosity: .plain(.string)
            case .tools, .functions, .modalities: .plain(.array)
            case .logitBias, .metadata, .audio, .prediction: .plain(.object)
            case .stop: .plain(.stringOrArray)
            case .toolChoice, .functionCall: .plain(.stringOrObject)
            }
        }

        /// Whether it binds the answer to a form.
        var binds: Bool {
            switch self {
            case .tools, .functions, .audio, .logprobs: true
            default: false
            }
        }

        /// What it says of what a model must be able to do.
        var needs: GenerationRequest.Features {
            switch self {
            case .tools, .functions: .tools
            case .audio: .speech
            default: []
            }
        }
    }
    enum MessageMember: String, JSONMember {
        case role, content
        case toolCalls = "tool_calls"
    }
    enum StreamOption: String, JSONMember { case includeUsage = "include_usage" }
    enum Effort: String, JSONMember { case none, minimal }
    enum FormMember: String, JSONMember { case type }
    enum Form: String, JSONMember {
        case object = "json_object"
        case schema = "json_schema"
    }
}
