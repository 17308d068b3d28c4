<?php
// Runs calls of PHP clients for the tests: each line of the input is a request in JSON, each line of the output its answer.
require __DIR__ . '/clients.php';
set_include_path(__DIR__);

use Bitrix24\SDK\Services\{BaseException, Core, ServiceBuilder};

$settings = [];

function crest(array $door): void
{
    global $settings;
    $name = json_encode($door);
    $settings[$name] ??= [
        'client_endpoint' => $door['url'],
        'is_web_hook' => $door['mode'] === 'webhook',
        'token_url' => "https://{$door['server']}/oauth/token/",
        'access_token' => $door['access_token'],
        'refresh_token' => $door['refresh_token'],
        ...$door['keys'],
    ];
    CRest::$settings = $settings[$name];
}

function rest_auth(array $door): array
{
    return [...$door, ...$door['keys'], 'domain' => $door['host'], 'scope' => 'im'];
}

function service_builder(array $door): ServiceBuilder
{
    $auth = $door['mode'] === 'oauth' ? ['auth' => $door['access_token']] : [];
    $renewing = ['refresh_token' => $door['refresh_token'], ...$door['keys']];
    return new ServiceBuilder(new Core($door['url'], $auth, $renewing, "https://{$door['server']}/oauth/token/"));
}

function called(string $client, array $door, array $request): array
{
    ['method' => $method, 'params' => $params] = $request;
    if ($client === 'b24phpsdk') {
        try {
            return ['result' => service_builder($door)->core->call($method, $params)->getResponseData()->getResult()];
        } catch (BaseException $error) {
            return ['error' => $error->getMessage()];
        }
    }
    return $client === 'CRest' ? CRest::call($method, $params) : restCommand($method, $params, rest_auth($door));
}

function answered(array $request): mixed
{
    global $settings;
    ['client' => $client, 'do' => $action, 'door' => $door] = $request;
    crest($door);
    $answer = match ($action) {
        'call' => called($client, $door, $request),
        'batch' => CRest::callBatch($request['calls'], (int) $request['halt']),
        'lines' => printed($door, $request['source']),
    };
    $settings[json_encode($door)] = CRest::$settings;
    return $action === 'lines' ? $answer : [...$answer, 'status' => Http::$status];
}

/** What lines of a document leave in `$result`; the clients that they expect are there. */
function printed(array $door, string $source): mixed
{
    $_REQUEST['auth'] = rest_auth($door);
    $b24Service = service_builder($door);
    ob_start();
    try {
        eval($source);
    } finally {
        ob_end_clean();
    }
    return $result;
}

/** Of the documents' lines. */
function processData(mixed $result): void {}

while (($line = fgets(STDIN)) !== false) {
    try {
        $outcome = ['answer' => answered(json_decode($line, true))];
    } catch (Throwable $error) {
        $outcome = ['failed' => (string) $error];
    }
    echo json_encode($outcome, JSON_THROW_ON_ERROR), "\n";
}
