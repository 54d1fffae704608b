# A team: one thread leads a computation in phases, the others help with the blocks of
# the open phase. The leader never waits for another to turn up, only for the end of
# the blocks that one has begun: where the machine is busy with something else the
# leader does it all itself, whereas a barrier would wait for a time slice each phase.
#
# Board   80 int64 from `Team`, zeroed: tickets opened, taken, done, and whether the team
#         is dissolved, each on a cache line of its own; from PARAMETERS on, what the
#         leader wants to tell about the open phase.
# Keeps   what a block computes must not depend on the other blocks of its phase, then
#         the result does not depend on who does it, nor when.
#
# Ticket numbers count on over the phases. The leader opens a phase, takes tickets like
# everybody else, and opens the next one only when all tickets are done; so a ticket
# that could be taken belongs to the open phase, and its parameters stand.
from libc.stdint cimport int64_t

cdef extern from *:
    """
    #if !defined(_WIN32)
    #include <sched.h>
    #define TEAM_YIELD() sched_yield()
    #else
    #define TEAM_YIELD() ((void)0)
    #endif
    enum { TEAM_OPENED = 0, TEAM_TAKEN = 16, TEAM_DONE = 32, TEAM_DISSOLVED = 48 };

    /* A ticket of the open phase, or -1 if there is none left. */
    static inline int64_t team_take(int64_t *board) {
        int64_t t = __atomic_load_n(board + TEAM_TAKEN, __ATOMIC_RELAXED);
        while (t < __atomic_load_n(board + TEAM_OPENED, __ATOMIC_ACQUIRE))
            if (__atomic_compare_exchange_n(board + TEAM_TAKEN, &t, t + 1, 0,
                                            __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
                return t;
        return -1;
    }
    static inline void team_done(int64_t *board) {
        __atomic_fetch_add(board + TEAM_DONE, 1, __ATOMIC_RELEASE);
    }
    /* The leader: open so many more tickets; returns the number of the first. */
    static inline int64_t team_open(int64_t *board, int64_t count) {
        int64_t first = board[TEAM_OPENED];
        __atomic_store_n(board + TEAM_OPENED, first + count, __ATOMIC_RELEASE);
        return first;
    }
    /* The leader: wait for the blocks that others have begun. */
    static inline void team_settle(int64_t *board) {
        for (long spins = 1; __atomic_load_n(board + TEAM_DONE, __ATOMIC_ACQUIRE)
                             < board[TEAM_OPENED]; spins++)
            if (spins % 1024 == 0) TEAM_YIELD();
    }
    static inline void team_dissolve(int64_t *board) {
        __atomic_store_n(board + TEAM_DISSOLVED, 1, __ATOMIC_RELEASE);
    }
    /* The others: the next ticket, or -1 once the team is dissolved. */
    static inline int64_t team_await(int64_t *board) {
        for (long spins = 1;; spins++) {
            int64_t t = team_take(board);
            if (t >= 0) return t;
            if (__atomic_load_n(board + TEAM_DISSOLVED, __ATOMIC_ACQUIRE)) return -1;
            if (spins % 1024 == 0) TEAM_YIELD();
        }
    }
    """
    enum: PARAMETERS "64"
    int64_t team_take(int64_t* board) noexcept nogil
    void team_done(int64_t* board) noexcept nogil
    int64_t team_open(int64_t* board, int64_t count) noexcept nogil
    void team_settle(int64_t* board) noexcept nogil
    void team_dissolve(int64_t* board) noexcept nogil
    int64_t team_await(int64_t* board) noexcept nogil
