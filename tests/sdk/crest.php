<?php
// In place of CRest, which needs PHP's curl: it sends what CRest 1.33 sends, by its source (crest.php).

final class Http
{
    public static int $status = 0;

    public static function get(string $url): array
    {
        return self::send($url, ['method' => 'GET']);
    }

    public static function post(string $url, string $body, string $type = 'application/x-www-form-urlencoded'): array
    {
        return self::send($url, ['method' => 'POST', 'header' => "Content-Type: $type", 'content' => $body]);
    }

    private static function send(string $url, array $http): array
    {
        $context = stream_context_create(['http' => [...$http, 'ignore_errors' => true, 'timeout' => 30]]);
        $body = file_get_contents($url, false, $context);
        self::$status = (int) explode(' ', $http_response_header[0])[1];
        return json_decode($body, true, 512, JSON_THROW_ON_ERROR);
    }
}

final class CRest
{
    /** What its settings.json holds in OAuth mode; a webhook's address is a constant. */
    public static array $settings = [];

    public static function call(string $method, array $params = []): array
    {
        if (defined('C_REST_WEB_HOOK_URL')) {
            return Http::get(C_REST_WEB_HOOK_URL . "$method.json?" . http_build_query($params));
        }
        if (!empty(self::$settings['is_web_hook'])) {
            return Http::get(self::$settings['client_endpoint'] . "$method.json?" . http_build_query($params));
        }
        $result = self::with_token($method, $params);
        if (($result['error'] ?? '') === 'expired_token' && self::renewed()) {
            $result = self::with_token($method, $params);
        }
        return $result;
    }

    public static function callBatch(array $commands, int $halt = 0): array
    {
        $lines = fn($each) => $each['method'] . ($each['params'] ? '?' . http_build_query($each['params']) : '');
        return self::call('batch', ['cmd' => array_map($lines, array_slice($commands, 0, 50, true)), 'halt' => $halt]);
    }

    private static function with_token(string $method, array $params): array
    {
        $params['auth'] = self::$settings['access_token'];
        return Http::post(self::$settings['client_endpoint'] . "$method.json", http_build_query($params));
    }

    private static function renewed(): bool
    {
        $renewed = Http::post(self::$settings['token_url'], http_build_query([
            'client_id' => self::$settings['client_id'],
            'grant_type' => 'refresh_token',
            'client_secret' => self::$settings['client_secret'],
            'refresh_token' => self::$settings['refresh_token'],
        ]));
        self::$settings = [...self::$settings, ...$renewed];
        return !isset($renewed['error']);
    }
}
