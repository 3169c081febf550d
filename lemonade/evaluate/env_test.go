package evaluate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWorkerEnv(t *testing.T) {
	environ := []string{
		"PATH=/bin", "OPENAI_API_KEY=a", "GEMINI_API_KEY=b", "GOOGLE_API_KEY=c", "hf_token=d", "TOKEN=e", "AWS_SECRET_ACCESS_KEY=f",
		"DB_PASSWORD=g", "CLIENT_SECRET=h", "LEMONADE_METER=rapl", "MALLOC_ARENA_MAX=4", "TOKENIZERS_PARALLELISM=1", "GOMLX_BACKEND=xla:cuda",
	}
	want := []string{
		"PATH=/bin", "LEMONADE_METER=rapl", "MALLOC_ARENA_MAX=4", "TOKENIZERS_PARALLELISM=1", "GOMLX_BACKEND=xla:cuda",
		"MALLOC_MMAP_MAX_=0", "MALLOC_TRIM_THRESHOLD_=17179869184", "GLIBC_TUNABLES=glibc.malloc.hugetlb=1",
	}
	if diff := cmp.Diff(want, workerEnv(environ, trainEnv("xla:cpu"))); diff != "" {
		t.Error(diff)
	}
}

func TestSecretValues(t *testing.T) {
	got := secretValues([]string{"A_TOKEN=long-enough", "B_TOKEN=short", "C=not-a-secret", "D_API_KEY="})
	if diff := cmp.Diff([]string{"long-enough"}, got); diff != "" {
		t.Error(diff)
	}
}
