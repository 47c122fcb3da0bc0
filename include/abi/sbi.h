/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sbi.h - numbers and structures of SBI (RISC-V SBI specification v3.0) and of Hearth's own
 * extensions. Test guests include this file too: constants and structures only.
 */
#pragma once

#define SBI_SUCCESS               0
#define SBI_ERR_FAILED            (-1)
#define SBI_ERR_NOT_SUPPORTED     (-2)
#define SBI_ERR_INVALID_PARAM     (-3)
#define SBI_ERR_DENIED            (-4)
#define SBI_ERR_INVALID_ADDRESS   (-5)
#define SBI_ERR_ALREADY_AVAILABLE (-6)
#define SBI_ERR_ALREADY_STARTED   (-7)
#define SBI_ERR_ALREADY_STOPPED   (-8)
#define SBI_ERR_NO_SHMEM          (-9)
#define SBI_ERR_INVALID_STATE     (-10)
#define SBI_ERR_BAD_RANGE         (-11)
#define SBI_ERR_TIMEOUT           (-12)
#define SBI_ERR_IO                (-13)
#define SBI_ERR_DENIED_LOCKED     (-14)

#define SBI_EXT_LEGACY_SET_TIMER          0x00
#define SBI_EXT_LEGACY_CONSOLE_PUTCHAR    0x01
#define SBI_EXT_LEGACY_CONSOLE_GETCHAR    0x02
#define SBI_EXT_LEGACY_CLEAR_IPI          0x03
#define SBI_EXT_LEGACY_SEND_IPI           0x04
#define SBI_EXT_LEGACY_REMOTE_FENCE_I     0x05
#define SBI_EXT_LEGACY_REMOTE_SFENCE      0x06
#define SBI_EXT_LEGACY_REMOTE_SFENCE_ASID 0x07
#define SBI_EXT_LEGACY_SHUTDOWN           0x08
#define SBI_EXT_BASE                      0x10
#define SBI_EXT_TIME                      0x54494D45
#define SBI_EXT_SPI                       0x735049
#define SBI_EXT_RFNC                      0x52464E43
#define SBI_EXT_HSM                       0x48534D
#define SBI_EXT_SRST                      0x53525354
#define SBI_EXT_DBCN                      0x4442434E
#define SBI_EXT_FWFT                      0x46574654
#define SBI_EXT_SSE                       0x535345
#define SBI_EXT_SUSP                      0x53555350
#define SBI_EXT_HVC                       0x485643   /* "HVC": Hearth's hypercalls */
#define SBI_EXT_HOST_COMM                 0x484F5354 /* "HOST": Hearth's messages */
#define SBI_EXT_STA                       0x535441
#define SBI_EXT_MPXY                      0x4D505859

#define SBI_BASE_GET_SPEC_VERSION 0
#define SBI_BASE_GET_IMPL_ID      1
#define SBI_BASE_GET_IMPL_VERSION 2
#define SBI_BASE_PROBE_EXTENSION  3
#define SBI_BASE_GET_MVENDORID    4
#define SBI_BASE_GET_MARCHID      5
#define SBI_BASE_GET_MIMPID       6

#define SBI_SPEC_VERSION_3_0 ((3ul << 24) | 0)
/* Not registered with RISC-V International; outside the assigned range. */
#define SBI_IMPL_ID_HEARTH      0x48454152 /* "HEAR" */
#define SBI_IMPL_VERSION_HEARTH 0x00000001

#define SBI_TIME_SET_TIMER 0
#define SBI_SPI_SEND_IPI   0

#define SBI_RFNC_FENCE_I          0
#define SBI_RFNC_SFENCE_VMA       1
#define SBI_RFNC_SFENCE_VMA_ASID  2
#define SBI_RFNC_HFENCE_GVMA_VMID 3
#define SBI_RFNC_HFENCE_GVMA      4
#define SBI_RFNC_HFENCE_VVMA_ASID 5
#define SBI_RFNC_HFENCE_VVMA      6

#define SBI_HSM_HART_START      0
#define SBI_HSM_HART_STOP       1
#define SBI_HSM_HART_GET_STATUS 2
#define SBI_HSM_HART_SUSPEND    3

#define SBI_HSM_STATE_STARTED         0
#define SBI_HSM_STATE_STOPPED         1
#define SBI_HSM_STATE_START_PENDING   2
#define SBI_HSM_STATE_STOP_PENDING    3
#define SBI_HSM_STATE_SUSPENDED       4
#define SBI_HSM_STATE_SUSPEND_PENDING 5
#define SBI_HSM_STATE_RESUME_PENDING  6

#define SBI_HSM_SUSPEND_RETENTIVE     0x00000000u
#define SBI_HSM_SUSPEND_NON_RETENTIVE 0x80000000u

#define SBI_STA_SET_SHMEM 0
#define SBI_STA_SIZE      64 /* and the alignment */
struct sbi_sta {
    unsigned int sequence; /* odd while steal is being written */
    unsigned int flags;    /* 0 */
    unsigned long steal;   /* ns */
    unsigned char preempted;
    unsigned char pad[47];
};

#define SBI_SUSP_SYSTEM_SUSPEND 0
#define SBI_SUSP_SUSPEND_TO_RAM 0x00000000u

#define SBI_SRST_RESET            0
#define SBI_SRST_TYPE_SHUTDOWN    0
#define SBI_SRST_TYPE_COLD_REBOOT 1
#define SBI_SRST_TYPE_WARM_REBOOT 2
#define SBI_SRST_REASON_NONE      0
#define SBI_SRST_REASON_SYSFAIL   1

#define SBI_FWFT_SET 0
#define SBI_FWFT_GET 1

#define SBI_FWFT_MISALIGNED_EXC_DELEG  0
#define SBI_FWFT_LANDING_PAD           1
#define SBI_FWFT_SHADOW_STACK          2
#define SBI_FWFT_DOUBLE_TRAP           3
#define SBI_FWFT_PTE_AD_HW_UPDATING    4
#define SBI_FWFT_POINTER_MASKING_PMLEN 5
#define SBI_FWFT_FLAG_LOCK             1ul

#define SBI_SSE_READ_ATTRS  0
#define SBI_SSE_WRITE_ATTRS 1
#define SBI_SSE_REGISTER    2
#define SBI_SSE_UNREGISTER  3
#define SBI_SSE_ENABLE      4
#define SBI_SSE_DISABLE     5
#define SBI_SSE_COMPLETE    6
#define SBI_SSE_INJECT      7
#define SBI_SSE_HART_UNMASK 8
#define SBI_SSE_HART_MASK   9

#define SBI_SSE_LOCAL_HIGH_RAS     0x00000000u
#define SBI_SSE_LOCAL_DOUBLE_TRAP  0x00000001u
#define SBI_SSE_GLOBAL_HIGH_RAS    0x00008000u
#define SBI_SSE_LOCAL_PMU_OVERFLOW 0x00010000u
#define SBI_SSE_LOCAL_LOW_RAS      0x00100000u
#define SBI_SSE_GLOBAL_LOW_RAS     0x00108000u
#define SBI_SSE_LOCAL_SOFTWARE     0xffff0000u
#define SBI_SSE_GLOBAL_SOFTWARE    0xffff8000u
#define SBI_SSE_PLATFORM           0x00004000u /* bits of an event number */
#define SBI_SSE_GLOBAL             0x00008000u

#define SBI_SSE_STATE_UNUSED     0
#define SBI_SSE_STATE_REGISTERED 1
#define SBI_SSE_STATE_ENABLED    2
#define SBI_SSE_STATE_RUNNING    3

#define SBI_SSE_ATTR_STATUS            0
#define SBI_SSE_ATTR_PRIORITY          1
#define SBI_SSE_ATTR_CONFIG            2
#define SBI_SSE_ATTR_PREFERRED_HART    3
#define SBI_SSE_ATTR_ENTRY_PC          4
#define SBI_SSE_ATTR_ENTRY_ARG         5
#define SBI_SSE_ATTR_INTERRUPTED_SEPC  6
#define SBI_SSE_ATTR_INTERRUPTED_FLAGS 7
#define SBI_SSE_ATTR_INTERRUPTED_A6    8
#define SBI_SSE_ATTR_INTERRUPTED_A7    9
#define SBI_SSE_ATTR_COUNT             10

#define SBI_SSE_STATUS_STATE    (3ul << 0)
#define SBI_SSE_STATUS_PENDING  (1ul << 2)
#define SBI_SSE_STATUS_INJECT   (1ul << 3)
#define SBI_SSE_CONFIG_ONE_SHOT (1ul << 0)
#define SBI_SSE_FLAG_SPP        (1ul << 0)
#define SBI_SSE_FLAG_SPIE       (1ul << 1)
#define SBI_SSE_FLAG_SPV        (1ul << 2)
#define SBI_SSE_FLAG_SPVP       (1ul << 3)
#define SBI_SSE_FLAG_SPELP      (1ul << 4)
#define SBI_SSE_FLAG_SDT        (1ul << 5)
#define SBI_SSE_FLAGS           0x3ful

#define SBI_EXT_CPPC 0x43505043 /* CPPC and NACL are not implemented */
#define SBI_EXT_NACL 0x4e41434c

#define SBI_EXT_DBTR          0x44425452
#define SBI_DBTR_NUM_TRIGGERS 0
#define SBI_DBTR_SET_SHMEM    1
#define SBI_DBTR_READ         2
#define SBI_DBTR_INSTALL      3
#define SBI_DBTR_UPDATE       4
#define SBI_DBTR_UNINSTALL    5
#define SBI_DBTR_ENABLE       6
#define SBI_DBTR_DISABLE      7

#define SBI_DBTR_ENTRY_SIZE     32 /* bytes in shared memory */
#define SBI_DBTR_STATE_MAPPED   (1ul << 0)
#define SBI_DBTR_STATE_U        (1ul << 1)
#define SBI_DBTR_STATE_S        (1ul << 2)
#define SBI_DBTR_TYPE           (15ul << 60) /* fields of tdata1 */
#define SBI_DBTR_TYPE_MCONTROL  (2ul << 60)
#define SBI_DBTR_TYPE_MCONTROL6 (6ul << 60)
#define SBI_DBTR_DMODE          (1ul << 59)
#define SBI_DBTR_MC6_LOAD       (1ul << 0)
#define SBI_DBTR_MC6_STORE      (1ul << 1)
#define SBI_DBTR_MC6_EXECUTE    (1ul << 2)
#define SBI_DBTR_MC6_U          (1ul << 3)
#define SBI_DBTR_MC6_S          (1ul << 4)
#define SBI_DBTR_MC6_M          (1ul << 6)
#define SBI_DBTR_MC6_MATCH      (15ul << 7)
#define SBI_DBTR_MC6_CHAIN      (1ul << 11)
#define SBI_DBTR_MC6_ACTION     (15ul << 12)
#define SBI_DBTR_MC6_SIZE       (7ul << 16)
#define SBI_DBTR_MC6_SELECT     (1ul << 21)
#define SBI_DBTR_MC6_VU         (1ul << 23)
#define SBI_DBTR_MC6_VS         (1ul << 24)
#define SBI_DBTR_MC6_HITS       ((1ul << 5) | (1ul << 22) | (3ul << 25)) /* and "uncertain" bits */

#define SBI_DBCN_CONSOLE_WRITE      0
#define SBI_DBCN_CONSOLE_READ       1
#define SBI_DBCN_CONSOLE_WRITE_BYTE 2

#define SBI_EXT_PMU                     0x504D55
#define SBI_PMU_NUM_COUNTERS            0
#define SBI_PMU_COUNTER_GET_INFO        1
#define SBI_PMU_COUNTER_CONFIG_MATCHING 2
#define SBI_PMU_COUNTER_START           3
#define SBI_PMU_COUNTER_STOP            4
#define SBI_PMU_COUNTER_FW_READ         5
#define SBI_PMU_COUNTER_FW_READ_HI      6
#define SBI_PMU_SNAPSHOT_SET_SHMEM      7
#define SBI_PMU_EVENT_GET_INFO          8

#define SBI_PMU_INFO_FIRMWARE   (1ul << 63) /* counter_info.type */
#define SBI_PMU_INFO_WIDTH(w)   (((w) - 1ul) << 12)
#define SBI_PMU_INFO_BITS(info) (((info) >> 12 & 0x3f) + 1)
#define SBI_PMU_INFO_CSR(info)  ((info) & 0xffful)
#define SBI_PMU_CFG_SKIP_MATCH  (1ul << 0)
#define SBI_PMU_CFG_CLEAR       (1ul << 1)
#define SBI_PMU_CFG_AUTO_START  (1ul << 2)
#define SBI_PMU_CFG_SET_VUINH   (1ul << 3)
#define SBI_PMU_CFG_SET_VSINH   (1ul << 4)
#define SBI_PMU_CFG_SET_UINH    (1ul << 5)
#define SBI_PMU_CFG_SET_SINH    (1ul << 6)
#define SBI_PMU_CFG_SET_MINH    (1ul << 7)
#define SBI_PMU_CFG_FLAGS       0xfful /* the above and the five filters */
#define SBI_PMU_START_SET_INIT  (1ul << 0)
#define SBI_PMU_START_SNAPSHOT  (1ul << 1)
#define SBI_PMU_STOP_RESET      (1ul << 0)
#define SBI_PMU_STOP_SNAPSHOT   (1ul << 1)

#define SBI_PMU_SNAPSHOT_SIZE     4096
#define SBI_PMU_SNAPSHOT_OVERFLOW 0 /* a bitmap, then the counters' values */
#define SBI_PMU_SNAPSHOT_VALUES   8
#define SBI_PMU_SNAPSHOT_COUNT    64

struct sbi_pmu_event_info {
    unsigned int event_idx, output;
    unsigned long event_data;
};

#define SBI_PMU_EVENT(type, code)       ((unsigned)(type) << 16 | (unsigned)(code))
#define SBI_PMU_EVENT_CODE(event)       ((event) & 0xffffu)
#define SBI_PMU_EVENT_TYPE(event)       ((event) >> 16)
#define SBI_PMU_EVENT_BITS              20
#define SBI_PMU_TYPE_HW                 0
#define SBI_PMU_TYPE_CACHE              1
#define SBI_PMU_TYPE_RAW                2
#define SBI_PMU_TYPE_RAW_V2             3
#define SBI_PMU_TYPE_FW                 15
#define SBI_PMU_HW_CPU_CYCLES           1
#define SBI_PMU_HW_INSTRUCTIONS         2
#define SBI_PMU_FW_MISALIGNED_LOAD      0
#define SBI_PMU_FW_MISALIGNED_STORE     1
#define SBI_PMU_FW_ACCESS_LOAD          2
#define SBI_PMU_FW_ACCESS_STORE         3
#define SBI_PMU_FW_ILLEGAL_INSN         4
#define SBI_PMU_FW_SET_TIMER            5
#define SBI_PMU_FW_IPI_SENT             6
#define SBI_PMU_FW_IPI_RECEIVED         7
#define SBI_PMU_FW_FENCE_I_SENT         8 /* each _RECEIVED is its _SENT + 1 */
#define SBI_PMU_FW_FENCE_I_RECEIVED     9
#define SBI_PMU_FW_SFENCE_SENT          10
#define SBI_PMU_FW_SFENCE_RECEIVED      11
#define SBI_PMU_FW_SFENCE_ASID_SENT     12
#define SBI_PMU_FW_SFENCE_ASID_RECEIVED 13
#define SBI_PMU_FW_EVENTS               22  /* 14 to 21 are the hfence events */
#define SBI_PMU_FW_EXIT_REASONS         256 /* Hearth's own: the vcpu's exits by PERF reason */
#define SBI_PMU_FW_PLATFORM             65535

/* Hearth's own: counts exits of the calling vcpu by reason, 0 (Nothing) to 11 (FailEntry). */
#define SBI_EXT_PERF     0x50455246
#define SBI_PERF_START   0 /* a0: mask of reasons, or -1: all; counting starts at 0 */
#define SBI_PERF_STOP    1
#define SBI_PERF_READ    2 /* a0: reason */
#define SBI_PERF_REASONS 12

/* HVC and HOST_COMM take each address in two registers: (64-bit address, 0) or (low 32 bits, high
 * 32 bits). */
#define SBI_HVC_LOG_MESSAGE     0x1001
#define SBI_HVC_LOG_MESSAGE_MAX 1024

/* Memory channels between VMs. a0: the channel's id, except for FIND. */
#define SBI_HVC_CHANNEL_FIND        0x1010 /* a0, a1: address of the name, a2: its length */
#define SBI_HVC_CHANNEL_PUBLISH     0x1011 /* a1, a2: address, a3: size, a4: access */
#define SBI_HVC_CHANNEL_UNPUBLISH   0x1012
#define SBI_HVC_CHANNEL_SUBSCRIBE   0x1013 /* a1: access; returns the address */
#define SBI_HVC_CHANNEL_UNSUBSCRIBE 0x1014
#define SBI_HVC_CHANNEL_NOTIFY      0x1015
#define SBI_HVC_CHANNEL_STATUS      0x1016
#define SBI_HVC_CHANNEL_EVENTS      0x1017

#define SBI_CHANNEL_NAME_MAX 31

#define SBI_CHANNEL_READ  (1ul << 0) /* access: READ or READ | WRITE */
#define SBI_CHANNEL_WRITE (1ul << 1)

#define SBI_CHANNEL_PUBLISHED  (1ul << 0) /* STATUS: these flags | size in bytes, if published */
#define SBI_CHANNEL_SUBSCRIBED (1ul << 1)
#define SBI_CHANNEL_WRITABLE   (1ul << 2) /* for the subscriber */
#define SBI_CHANNEL_PUBLISHER  (1ul << 3) /* the caller is the publisher */
#define SBI_CHANNEL_SIZE       (~0xffful)

#define SBI_CHANNEL_EVENT_DOORBELL (1ul << 0)
#define SBI_CHANNEL_EVENT_CHANGED  (1ul << 1) /* the other side has changed the STATUS */

#define SBI_HOST_COMM_SEND_MESSAGE    0
#define SBI_HOST_COMM_RECEIVE_MESSAGE 1
#define SBI_HOST_COMM_MESSAGE_MAX     4096

#define SBI_MPXY_GET_SHMEM_SIZE                0
#define SBI_MPXY_SET_SHMEM                     1
#define SBI_MPXY_GET_CHANNEL_IDS               2
#define SBI_MPXY_READ_ATTRIBUTES               3
#define SBI_MPXY_WRITE_ATTRIBUTES              4
#define SBI_MPXY_SEND_MESSAGE_WITH_RESPONSE    5
#define SBI_MPXY_SEND_MESSAGE_WITHOUT_RESPONSE 6
#define SBI_MPXY_GET_NOTIFICATION_EVENTS       7

#define SBI_MPXY_OVERWRITE        0 /* flags of set_shmem */
#define SBI_MPXY_OVERWRITE_RETURN 1

/* Standard attributes of a channel. */
#define SBI_MPXY_ATTR_MSG_PROT_ID            0
#define SBI_MPXY_ATTR_MSG_PROT_VERSION       1
#define SBI_MPXY_ATTR_MSG_DATA_MAX_LEN       2
#define SBI_MPXY_ATTR_MSG_SEND_TIMEOUT       3
#define SBI_MPXY_ATTR_MSG_COMPLETION_TIMEOUT 4
#define SBI_MPXY_ATTR_CHANNEL_CAPABILITY     5
#define SBI_MPXY_ATTR_SSE_EVENT_ID           6
#define SBI_MPXY_ATTR_MSI_CONTROL            7 /* the first writable attribute */
#define SBI_MPXY_ATTR_MSI_ADDR_LOW           8
#define SBI_MPXY_ATTR_MSI_ADDR_HIGH          9
#define SBI_MPXY_ATTR_MSI_DATA               10
#define SBI_MPXY_ATTR_EVENTS_STATE_CONTROL   11
#define SBI_MPXY_ATTR_STANDARD               12         /* number of standard attributes */
#define SBI_MPXY_ATTR_PROTOCOL               0x80000000 /* first attribute of the protocol */

#define SBI_MPXY_CAP_MSI               (1u << 0)
#define SBI_MPXY_CAP_SSE               (1u << 1)
#define SBI_MPXY_CAP_EVENTS_STATE      (1u << 2)
#define SBI_MPXY_CAP_SEND_WITH_RESP    (1u << 3)
#define SBI_MPXY_CAP_SEND_WITHOUT_RESP (1u << 4)
#define SBI_MPXY_CAP_NOTIFICATIONS     (1u << 5)

/* Hearth's channel and its message protocol. It shares its queue with HOST_COMM. */
#define SBI_MPXY_CHANNEL_MESSAGES 1
#define SBI_MPXY_PROTOCOL_HEARTH  0xC8454152 /* "HEAR", vendor-specific */
#define SBI_MPXY_PROTOCOL_VERSION 0x00010000 /* 1.0 */
#define SBI_MPXY_QUEUE_MESSAGES   0x80000000 /* attributes: capacity of a queue */
#define SBI_MPXY_QUEUE_BYTES      0x80000001
#define SBI_MPXY_MESSAGE_SEND     1 /* without response; data: the message */
#define SBI_MPXY_MESSAGE_RECEIVE  2 /* with response; no data, the response is the message */
#define SBI_MPXY_EVENT_WAITING    1

/* Written by get_notification_events; the state only if it is enabled. */
struct sbi_mpxy_events_state {
    unsigned int remaining, returned, lost, reserved;
};

struct sbi_mpxy_event {
    unsigned int id;       /* SBI_MPXY_EVENT_WAITING */
    unsigned int messages; /* number of messages in the queue to this VM */
    unsigned int length;   /* of the oldest message, in bytes */
    unsigned int reserved;
};
