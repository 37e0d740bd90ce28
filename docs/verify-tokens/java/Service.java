import com.nimbusds.jose.util.JSONObjectUtils;
import com.nimbusds.jwt.JWTClaimsSet;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.Executors;

/** A service that accepts Inwren's access tokens. */
public final class Service {
    private static final String INVALID = "Bearer error=\"invalid_token\"";

    /** The claims of the caller, or null without a valid token; the response is sent then. */
    private static JWTClaimsSet authenticate(Verifier verifier, HttpExchange exchange) throws IOException {
        String authorization = exchange.getRequestHeaders().getFirst("Authorization");
        String[] parts = authorization == null ? new String[0] : authorization.trim().split(" +", 2);
        if (parts.length < 2 || !parts[0].equalsIgnoreCase("Bearer")) {
            return refuse(exchange, 401, "Bearer");
        }
        try {
            return verifier.verify(parts[1]);
        } catch (Verifier.BadToken e) {
            return refuse(exchange, 401, INVALID);
        } catch (Verifier.NoKeys e) {
            return refuse(exchange, 503, null);
        }
    }

    private static JWTClaimsSet refuse(HttpExchange exchange, int status, String challenge) throws IOException {
        if (challenge != null) {
            exchange.getResponseHeaders().set("WWW-Authenticate", challenge);
        }
        exchange.sendResponseHeaders(status, -1);
        exchange.close();
        return null;
    }

    private static void me(Verifier verifier, HttpExchange exchange) throws IOException {
        JWTClaimsSet claims = authenticate(verifier, exchange);
        if (claims == null) {
            return;
        }
        String json = JSONObjectUtils.toJSONString(Map.of("sub", claims.getSubject()));
        byte[] body = json.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    private static String setting(String name, String otherwise) {
        return System.getenv().getOrDefault(name, otherwise);
    }

    public static void main(String[] arguments) throws IOException {
        String issuer = setting("INWREN_ISSUER", "http://localhost:8000");
        URL keysUrl = URI.create(setting("INWREN_JWKS_URL", issuer + "/.well-known/jwks.json")).toURL();
        long maxAge = Long.parseLong(setting("INWREN_JWKS_MAX_AGE", "300"));
        Verifier verifier = new Verifier(issuer, setting("INWREN_AUDIENCE", "inwren"), keysUrl, maxAge);
        int port = Integer.parseInt(setting("PORT", "8080"));
        InetAddress here = InetAddress.getByName("127.0.0.1");
        HttpServer server = HttpServer.create(new InetSocketAddress(here, port), 0);
        server.createContext("/me", exchange -> me(verifier, exchange));
        server.setExecutor(Executors.newFixedThreadPool(16));
        server.start();
        System.out.println("listening on http://127.0.0.1:" + server.getAddress().getPort());
    }
}
