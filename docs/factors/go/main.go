// Logs in with a password and, if the account has a second factor, a code.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"
)

var (
	baseURL = environment("INWREN_URL", "http://127.0.0.1:8000")
	client  = &http.Client{Timeout: 10 * time.Second}
	lines   = bufio.NewScanner(os.Stdin)
)

// answer has the members of a token response and of the problems that this program handles.
type answer struct {
	AccessToken  string   `json:"access_token"`
	RefreshToken string   `json:"refresh_token"`
	Code         string   `json:"code"`
	Detail       string   `json:"detail"`
	Challenge    string   `json:"challenge"`
	Methods      []string `json:"methods"`
	AttemptsLeft int      `json:"attempts_left"`
}

// ask returns a method and a code of the user.
type ask func(methods []string, attemptsLeft int) (method, code string)

func post(path string, body map[string]string) (int, answer, error) {
	var parsed answer
	text, err := json.Marshal(body)
	if err != nil {
		return 0, parsed, err
	}
	response, err := client.Post(baseURL+path, "application/json", bytes.NewReader(text))
	if err != nil {
		return 0, parsed, err
	}
	defer response.Body.Close()
	err = json.NewDecoder(response.Body).Decode(&parsed)
	return response.StatusCode, parsed, err
}

// login returns the tokens. It asks for a code if the account has a second factor.
func login(email, password string, ask ask) (answer, error) {
	status, step, err := post("/auth/login", map[string]string{"email": email, "password": password})
	if err != nil || status == http.StatusOK {
		return step, err
	}
	if step.Code != "second-factor-required" {
		return step, errors.New(step.Detail)
	}
	for attemptsLeft := 5; ; {
		method, code := ask(step.Methods, attemptsLeft)
		body := map[string]string{"challenge": step.Challenge, "method": method, "code": code}
		status, result, err := post("/auth/login/factor", body)
		if err != nil || status == http.StatusOK {
			return result, err
		}
		attemptsLeft = result.AttemptsLeft
		// `challenge-over` means that the user has to start again with the password.
		if result.Code != "invalid-factor" || attemptsLeft == 0 {
			return result, errors.New(result.Detail)
		}
	}
}

// askInTerminal takes a text with more than 6 letters and digits for a recovery code.
func askInTerminal(_ []string, attemptsLeft int) (string, string) {
	code := prompt(fmt.Sprintf("Code (attempts left: %d): ", attemptsLeft))
	if len(strings.NewReplacer(" ", "", "-", "").Replace(code)) == 6 {
		return "totp", code
	}
	return "recovery_code", code
}

func prompt(text string) string {
	fmt.Print(text)
	lines.Scan()
	return strings.TrimSpace(lines.Text())
}

func environment(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}

func main() {
	tokens, err := login(prompt("E-mail: "), prompt("Password: "), askInTerminal)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("logged in, with an access token of %d characters\n", len(tokens.AccessToken))
}
