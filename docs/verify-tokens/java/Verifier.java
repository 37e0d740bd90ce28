import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.KeySourceException;
import com.nimbusds.jose.jwk.JWKMatcher;
import com.nimbusds.jose.jwk.JWKSelector;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.jwk.source.RateLimitReachedException;
import com.nimbusds.jose.proc.BadJOSEException;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jose.util.DefaultResourceRetriever;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import java.net.URL;
import java.text.ParseException;
import java.util.Set;

/** Verifies Inwren's access tokens. */
public final class Verifier {
    /** The token is not a valid access token. */
    public static final class BadToken extends Exception {}

    /** The keys cannot be fetched, so the token cannot be verified. */
    public static final class NoKeys extends Exception {}

    private final JWKSource<SecurityContext> keys;
    private final DefaultJWTProcessor<SecurityContext> processor = new DefaultJWTProcessor<>();

    /** A verifier that caches the keys for some seconds. */
    public Verifier(String issuer, String audience, URL keysUrl, long maxAgeSeconds) {
        keys = JWKSourceBuilder.<SecurityContext>create(keysUrl, new DefaultResourceRetriever(3_000, 3_000))
            .cache(maxAgeSeconds * 1_000, 10_000)
            .refreshAheadCache(false)
            .rateLimited(Math.min(5_000, maxAgeSeconds * 500))
            .build();
        processor.setJWSTypeVerifier(new DefaultJOSEObjectTypeVerifier<>(new JOSEObjectType("at+jwt")));
        processor.setJWSKeySelector(new JWSVerificationKeySelector<>(JWSAlgorithm.RS256, keys));
        JWTClaimsSet exactly = new JWTClaimsSet.Builder().issuer(issuer).claim("type", "access").build();
        Set<String> required = Set.of("exp", "iat", "sub", "jti");
        DefaultJWTClaimsVerifier<SecurityContext> claims =
            new DefaultJWTClaimsVerifier<>(audience, exactly, required);
        claims.setMaxClockSkew(10);
        processor.setJWTClaimsSetVerifier(claims);
    }

    /** The claims of a valid access token. */
    public JWTClaimsSet verify(String token) throws BadToken, NoKeys {
        try {
            SignedJWT signed = SignedJWT.parse(token);
            // Without a `kid` the library would try all keys.
            if (signed.getHeader().getKeyID() == null) {
                throw new BadToken();
            }
            return processor.process(signed, null);
        } catch (RateLimitReachedException e) {
            if (hasKeys()) {
                throw new BadToken();
            }
            throw new NoKeys();
        } catch (KeySourceException e) {
            throw new NoKeys();
        } catch (ParseException | BadJOSEException | JOSEException e) {
            throw new BadToken();
        }
    }

    /** Distinguishes an unknown `kid`, which is not fetched again so soon, from missing keys. */
    private boolean hasKeys() {
        try {
            keys.get(new JWKSelector(new JWKMatcher.Builder().build()), null);
            return true;
        } catch (KeySourceException e) {
            return false;
        }
    }
}
