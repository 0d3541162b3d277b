// SPDX-License-Identifier: MIT
/* matrix.c - fails when floating point comes out different, by a register or a page that was lost */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N 160

static double a[N][N], b[N][N], c[N][N];
static float fa[N][N], fb[N][N], fc[N][N];

static void fill(void)
{
	for (int i = 0; i < N; i++) {
		for (int j = 0; j < N; j++) {
			a[i][j] = sin(i * 0.1) + cos(j * 0.2);
			b[i][j] = 1.0 / (i + j + 1);
			fa[i][j] = (float)a[i][j];
			fb[i][j] = (float)b[i][j];
		}
	}
}

static void multiply(void)
{
	for (int i = 0; i < N; i++) {
		for (int j = 0; j < N; j++) {
			double sum = 0;
			float fsum = 0;

			for (int k = 0; k < N; k++) {
				sum += a[i][k] * b[k][j];
				fsum += fa[i][k] * fb[k][j];
			}
			c[i][j] = sum;
			fc[i][j] = fsum;
		}
	}
}

static void normalise(void)
{
	double largest = 0;
	float flargest = 0;

	for (int i = 0; i < N; i++) {
		for (int j = 0; j < N; j++) {
			largest = fmax(largest, fabs(c[i][j]));
			flargest = fmaxf(flargest, fabsf(fc[i][j]));
		}
	}
	for (int i = 0; i < N; i++) {
		for (int j = 0; j < N; j++) {
			a[i][j] = c[i][j] / largest + 0.01;
			fa[i][j] = fc[i][j] / flargest + 0.01f;
		}
	}
}

static unsigned long bits(const void *at, size_t len)
{
	const unsigned char *bytes = at;
	unsigned long sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = sum * 1099511628211ul + bytes[i];
	return sum;
}

static long double series(void)
{
	long double sum = 0;

	for (int i = 1; i < 300000; i++)
		sum += (i & 1 ? 1.0L : -1.0L) / i;
	return sum;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 30;

	fill();
	for (int i = 0; i < rounds; i++) {
		multiply();
		normalise();
	}
	printf("%d rounds: %.17g %.9g\n", rounds, a[N / 2][N / 3], (double)fa[N / 2][N / 3]);
	printf("bits: %016lx %016lx\n", bits(a, sizeof(a)), bits(fa, sizeof(fa)));
	printf("series: %.20Lf\n", series());
	return 0;
}
