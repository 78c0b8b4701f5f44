// The native library's handles, owned. Engine-free: no Unreal type appears in this folder, and nothing here throws.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "dreamport/core.h"

namespace Dreamport::Core
{
	/** Copies text into a fixed array: always ends with 0, cut between UTF-8 characters. */
	void CopyText(char* To, std::size_t Capacity, const char* From);

	template <std::size_t Capacity>
	void CopyText(char (&To)[Capacity], const char* From)
	{
		CopyText(To, Capacity, From);
	}

	/** A zeroed struct with its struct_size filled in. */
	template <typename Struct>
	Struct Sized()
	{
		Struct Value{};
		Value.struct_size = sizeof(Struct);
		return Value;
	}

	/**
	 * A client. Shared by the game thread, which plays, and by render commands, which give frames back: whoever lets go last destroys
	 * it, so that the pixels of a lent frame stay valid until the render thread has copied them.
	 */
	class Client
	{
	public:
		/** Starts connecting in the background. Null when the library refused; OutStatus says why. */
		static std::shared_ptr<Client> Create(const dp_client_options& Options, int32_t& OutStatus);
		~Client();
		Client(const Client&) = delete;
		Client& operator=(const Client&) = delete;

		dp_client* Handle() const { return Native; }

		/** Lends the newest frame to `Readers` readers, each of which calls GiveBack once. DP_NOTHING_NEW when there is none. */
		int32_t Acquire(dp_frame& Out, uint32_t Readers);
		/** One reader is done, on any thread. The last one releases the frame and reports it as shown. */
		void GiveBack(uint32_t Lease);
		/** Frames lent now. */
		uint32_t Lent() const;

	private:
		explicit Client(dp_client* InNative) : Native(InNative) {}

		struct Loan
		{
			/** Lease in the upper half, readers that still read in the lower; 0: free. */
			std::atomic<uint64_t> State{0};
			std::atomic<uint64_t> FrameId{0};
		};

		dp_client* Native;
		/** The library lends four at a time. */
		std::array<Loan, 4> Loans;
	};

	/** A recorder; shared by the game thread and by render commands that fill its buffers. */
	class Recorder
	{
	public:
		static std::shared_ptr<Recorder> Create(const dp_recorder_options& Options, int32_t& OutStatus);
		~Recorder();
		Recorder(const Recorder&) = delete;
		Recorder& operator=(const Recorder&) = delete;

		dp_recorder* Handle() const { return Native; }

	private:
		explicit Recorder(dp_recorder* InNative) : Native(InNative) {}
		dp_recorder* Native;
	};

	/** Asks a backend once which worlds it has. */
	class Query
	{
	public:
		explicit Query(const dp_endpoint& Endpoint);
		~Query();
		Query(const Query&) = delete;
		Query& operator=(const Query&) = delete;

		/** As dp_query_poll; the status is kept in Status. */
		int32_t Poll();
		uint32_t Count() const;
		/** False past the end. */
		bool World(uint32_t Index, dp_world& Out) const;

		dp_connection_status Status{};

	private:
		dp_query* Native = nullptr;
		int32_t Created;
	};
}
