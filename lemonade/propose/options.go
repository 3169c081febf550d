package propose

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"
)

// Options say which language model is asked, and how. The mechanical proposers
// need none of them. The API key is no option: it comes from OPENAI_API_KEY alone.
type Options struct {
	Model       string        // "" is OPENAI_MODEL, else gpt-6-luna
	BaseURL     string        // "" is OPENAI_BASE_URL, else OpenAI's own
	Temperature *float64      // nil is 1.0: at lower ones small models copy the parent
	MaxTokens   int           // of an answer; 0 is 1,500
	Timeout     time.Duration // of one call, retries included; 0 is five minutes
}

// defaultModel is asked where neither the options nor the environment name one.
const defaultModel = "gpt-6-luna"

// complete fills in what is left out and reports what is out of bounds.
func (o Options) complete() (Options, error) {
	if o.Model == "" {
		o.Model = os.Getenv("OPENAI_MODEL")
	}
	if o.Model == "" {
		o.Model = defaultModel
	}
	if o.BaseURL == "" {
		o.BaseURL = os.Getenv("OPENAI_BASE_URL")
	}
	if o.BaseURL == "" {
		o.BaseURL = "https://api.openai.com/v1"
	}
	o.BaseURL = strings.TrimRight(o.BaseURL, "/")
	if u, err := url.Parse(o.BaseURL); err != nil || u.Host == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		// The text is not repeated: it may hold a password.
		return o, fmt.Errorf("OPENAI_BASE_URL (or Options.BaseURL) is not an address such as http://127.0.0.1:8080/v1 without user and password")
	}
	if o.Temperature == nil {
		one := 1.0
		o.Temperature = &one
	}
	if t := *o.Temperature; !(t >= 0 && t <= 2) {
		return o, fmt.Errorf("temperature: %g is not in [0, 2]", t)
	}
	if o.MaxTokens < 0 || o.Timeout < 0 {
		return o, fmt.Errorf("options: MaxTokens %d and Timeout %s must not be negative", o.MaxTokens, o.Timeout)
	}
	if o.MaxTokens == 0 {
		o.MaxTokens = 1500
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Minute
	}
	return o, nil
}

// key returns the API key. A server on this machine needs none.
func (o Options) key() (string, error) {
	if key := strings.TrimSpace(os.Getenv("OPENAI_API_KEY")); key != "" {
		return key, nil
	}
	u, err := url.Parse(o.BaseURL)
	if err == nil {
		if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || (ip != nil && ip.IsLoopback()) {
			return "none", nil
		}
	}
	return "", fmt.Errorf("OPENAI_API_KEY is not set: set it, or point OPENAI_BASE_URL at a server on this machine, or use another proposer")
}
