#include "Native.h"

#include <cstring>
#include <new>

namespace Dreamport::Core
{
	void CopyText(char* To, std::size_t Capacity, const char* From)
	{
		if (Capacity == 0)
		{
			return;
		}
		std::size_t Length = From == nullptr ? 0 : std::strlen(From);
		if (Length >= Capacity)
		{
			Length = Capacity - 1;
			while (Length > 0 && (static_cast<unsigned char>(From[Length]) & 0xC0u) == 0x80u)
			{
				--Length;
			}
		}
		if (Length > 0)
		{
			std::memcpy(To, From, Length);
		}
		To[Length] = 0;
	}

	std::shared_ptr<Client> Client::Create(const dp_client_options& Options, int32_t& OutStatus)
	{
		dp_client* Native = nullptr;
		OutStatus = dp_client_create(&Options, &Native);
		if (OutStatus != DP_OK)
		{
			return nullptr;
		}
		return std::shared_ptr<Client>(new Client(Native));
	}

	Client::~Client()
	{
		dp_client_destroy(Native);
	}

	int32_t Client::Acquire(dp_frame& Out, uint32_t Readers)
	{
		Loan* Free = nullptr;
		for (Loan& Candidate : Loans)
		{
			if (Candidate.State.load(std::memory_order_acquire) == 0)
			{
				Free = &Candidate;
				break;
			}
		}
		if (Free == nullptr || Readers == 0)
		{
			return Free == nullptr ? DP_ERROR_FULL : DP_ERROR_ARGUMENT;
		}
		const int32_t Status = dp_client_acquire_frame(Native, &Out);
		if (Status == DP_OK)
		{
			Free->FrameId.store(Out.id, std::memory_order_relaxed);
			Free->State.store(static_cast<uint64_t>(Out.lease) << 32 | Readers, std::memory_order_release);
		}
		return Status;
	}

	void Client::GiveBack(uint32_t Lease)
	{
		for (Loan& Candidate : Loans)
		{
			uint64_t State = Candidate.State.load(std::memory_order_acquire);
			while (static_cast<uint32_t>(State >> 32) == Lease && static_cast<uint32_t>(State) > 0)
			{
				const bool bLast = static_cast<uint32_t>(State) == 1;
				const uint64_t FrameId = Candidate.FrameId.load(std::memory_order_relaxed);
				if (Candidate.State.compare_exchange_weak(State, bLast ? 0 : State - 1, std::memory_order_acq_rel))
				{
					if (bLast)
					{
						dp_client_presented(Native, FrameId, 0);
						dp_client_release_frame(Native, Lease);
					}
					return;
				}
			}
		}
	}

	uint32_t Client::Lent() const
	{
		uint32_t Count = 0;
		for (const Loan& Candidate : Loans)
		{
			Count += Candidate.State.load(std::memory_order_acquire) != 0 ? 1u : 0u;
		}
		return Count;
	}

	std::shared_ptr<Recorder> Recorder::Create(const dp_recorder_options& Options, int32_t& OutStatus)
	{
		dp_recorder* Native = nullptr;
		OutStatus = dp_recorder_create(&Options, &Native);
		if (OutStatus != DP_OK)
		{
			return nullptr;
		}
		return std::shared_ptr<Recorder>(new Recorder(Native));
	}

	Recorder::~Recorder()
	{
		dp_recorder_destroy(Native);
	}

	Query::Query(const dp_endpoint& Endpoint) : Created(dp_query_create(&Endpoint, &Native)) {}

	Query::~Query()
	{
		if (Native != nullptr)
		{
			dp_query_destroy(Native);
		}
	}

	int32_t Query::Poll()
	{
		return Created == DP_OK ? dp_query_poll(Native, &Status) : Created;
	}

	uint32_t Query::Count() const
	{
		return Created == DP_OK ? dp_query_world_count(Native) : 0;
	}

	bool Query::World(uint32_t Index, dp_world& Out) const
	{
		return Created == DP_OK && dp_query_world(Native, Index, &Out) == DP_OK;
	}
}
