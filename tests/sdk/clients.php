<?php
// In place of PHP clients that cannot be installed here: the documents' restCommand needs PHP's curl, b24phpsdk Composer.
// Each sends what its source sends (send-command.md; b24phpsdk 3.2.0).

namespace {
    require_once __DIR__ . '/crest.php';

    function restCommand(string $method, array $params = [], array $auth = [], bool $authRefresh = true): array
    {
        $body = http_build_query(array_merge($params, ['auth' => $auth['access_token']]));
        $result = Http::post("https://{$auth['domain']}/rest/$method", $body);
        if ($authRefresh && in_array($result['error'] ?? '', ['expired_token', 'invalid_token'])) {
            $query = http_build_query([
                'grant_type' => 'refresh_token',
                'client_id' => $auth['client_id'],
                'client_secret' => $auth['client_secret'],
                'refresh_token' => $auth['refresh_token'],
                'scope' => $auth['scope'],
            ]);
            $renewed = Http::get("https://{$auth['domain']}/oauth/token/?$query");
            // It sends the call to the domain of the answer, which is not the portal's (bitrix24.md 3.5): here they agree.
            $result = isset($renewed['error']) ? $renewed : restCommand($method, $params, $renewed, false);
        }
        return $result;
    }
}

namespace Bitrix24\SDK\Services {
    final class ServiceBuilderFactory
    {
        public static function createServiceBuilderFromWebhook(string $url): ServiceBuilder
        {
            return new ServiceBuilder(new Core($url, []));
        }
    }

    final class ServiceBuilder
    {
        public function __construct(public readonly Core $core) {}
    }

    final class Core
    {
        /** `$auth` has the token, if there is one, and `$renewing` what a renewal of it takes. */
        public function __construct(
            private readonly string $url,
            private array $auth,
            private array $renewing = [],
            private readonly string $token_url = '',
        ) {}

        public function call(string $method, array $params = []): Response
        {
            $body = json_encode([...$params, ...$this->auth], JSON_THROW_ON_ERROR);
            $answer = \Http::post("$this->url/$method/?bx24_request_id=" . bin2hex(random_bytes(8)), $body, 'application/json');
            if (($answer['error'] ?? '') === 'expired_token') {
                $query = http_build_query(['grant_type' => 'refresh_token', ...$this->renewing]);
                $renewed = \Http::get("$this->token_url?$query");
                $this->auth = ['auth' => $renewed['access_token']];
                $this->renewing['refresh_token'] = $renewed['refresh_token'];
                return $this->call($method, $params);
            }
            if (isset($answer['error'])) {
                throw new BaseException($answer['error']);
            }
            return new Response($answer['result']);
        }
    }

    final class BaseException extends \Exception {}

    final class Response
    {
        public function __construct(private readonly mixed $result) {}

        public function getResponseData(): self
        {
            return $this;
        }

        public function getResult(): mixed
        {
            return $this->result;
        }
    }
}
