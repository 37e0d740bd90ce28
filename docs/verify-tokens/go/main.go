// A Go service that accepts Inwren's access tokens.
package main

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	cooldown = 5 * time.Second // how long an unknown kid does not cause another fetch
	retry    = time.Second     // how long to wait after a failed fetch
)

var (
	errBadToken = errors.New("not a good access token")
	errNoKeys   = errors.New("the keys have to be fetched and cannot be")
)

// Claims are the claims of a token. Add fields as needed: email, tier, is_superuser, client_id.
type Claims struct {
	jwt.RegisteredClaims
	Type string `json:"type"`
}

// Verifier verifies access tokens with the published keys.
type Verifier struct {
	parser  *jwt.Parser
	keysURL string
	maxAge  time.Duration
	client  http.Client

	mutex     sync.RWMutex // guards the two below
	keys      map[string]*rsa.PublicKey
	fetchedAt time.Time

	asking  sync.Mutex // one request fetches; the others wait for it
	askedAt time.Time
}

// NewVerifier creates a verifier that caches keys for maxAge.
func NewVerifier(issuer, audience, keysURL string, maxAge time.Duration) *Verifier {
	return &Verifier{
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{"RS256"}),
			jwt.WithIssuer(issuer),
			jwt.WithAudience(audience),
			jwt.WithExpirationRequired(),
			jwt.WithLeeway(10*time.Second),
		),
		keysURL: keysURL,
		maxAge:  maxAge,
		client:  http.Client{Timeout: 3 * time.Second},
	}
}

// Verify returns the claims of a valid access token, or errNoKeys if the keys cannot be fetched.
func (v *Verifier) Verify(token string) (*Claims, error) {
	claims := new(Claims)
	parsed, err := v.parser.ParseWithClaims(token, claims, func(token *jwt.Token) (any, error) {
		kid, ok := token.Header["kid"].(string)
		if !ok {
			return nil, errBadToken
		}
		return v.key(kid)
	})
	if err != nil {
		return nil, err
	}
	// The library does not check these.
	if _, critical := parsed.Header["crit"]; critical || parsed.Header["typ"] != "at+jwt" {
		return nil, errBadToken
	}
	if claims.Type != "access" || claims.Subject == "" {
		return nil, errBadToken
	}
	return claims, nil
}

func (v *Verifier) key(kid string) (*rsa.PublicKey, error) {
	if key, _ := v.known(kid); key != nil {
		return key, nil
	}
	v.asking.Lock()
	defer v.asking.Unlock()
	key, fresh := v.known(kid)
	if key != nil {
		return key, nil
	}
	pause, otherwise := retry, errNoKeys
	if fresh {
		pause, otherwise = cooldown, errBadToken
	}
	if time.Since(v.askedAt) < pause {
		return nil, otherwise
	}
	begun := time.Now()
	keys, err := v.fetch()
	v.askedAt = time.Now()
	if err != nil {
		log.Printf("cannot fetch keys: %v", err)
		return nil, errNoKeys
	}
	v.mutex.Lock()
	v.keys, v.fetchedAt = keys, begun
	v.mutex.Unlock()
	if key := keys[kid]; key != nil {
		return key, nil
	}
	return nil, errBadToken
}

// known looks up a cached key, and reports whether the cache is fresh.
func (v *Verifier) known(kid string) (key *rsa.PublicKey, fresh bool) {
	v.mutex.RLock()
	defer v.mutex.RUnlock()
	if v.keys == nil || time.Since(v.fetchedAt) >= v.maxAge {
		return nil, false
	}
	return v.keys[kid], true
}

func (v *Verifier) fetch() (map[string]*rsa.PublicKey, error) {
	response, err := v.client.Get(v.keysURL)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(response.Status)
	}
	var set struct {
		Keys []struct{ Kty, Kid, N, E string }
	}
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		return nil, err
	}
	keys := make(map[string]*rsa.PublicKey)
	for _, key := range set.Keys {
		n, errN := base64.RawURLEncoding.DecodeString(key.N)
		e, errE := base64.RawURLEncoding.DecodeString(key.E)
		if key.Kty == "RSA" && errN == nil && errE == nil {
			exponent := new(big.Int).SetBytes(e).Int64()
			keys[key.Kid] = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent)}
		}
	}
	return keys, nil
}

type claimsKey struct{}

// Authenticated accepts requests with a valid token and puts its claims into their context.
func (v *Verifier) Authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" {
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		claims, err := v.Verify(strings.TrimSpace(token))
		switch {
		case err == nil:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, claims)))
		case errors.Is(err, errNoKeys):
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
}

func me(w http.ResponseWriter, r *http.Request) {
	claims := r.Context().Value(claimsKey{}).(*Claims)
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{"sub": claims.Subject})
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func main() {
	issuer := setting("INWREN_ISSUER", "http://localhost:8000")
	keysURL := setting("INWREN_JWKS_URL", issuer+"/.well-known/jwks.json")
	maxAge, err := time.ParseDuration(setting("INWREN_JWKS_MAX_AGE", "300") + "s")
	if err != nil {
		log.Fatal(err)
	}
	verifier := NewVerifier(issuer, setting("INWREN_AUDIENCE", "inwren"), keysURL, maxAge)
	mux := http.NewServeMux()
	mux.Handle("/me", verifier.Authenticated(http.HandlerFunc(me)))
	listener, err := net.Listen("tcp", "127.0.0.1:"+setting("PORT", "8080"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, mux))
}
