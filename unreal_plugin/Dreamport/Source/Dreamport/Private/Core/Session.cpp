#include "Session.h"

#include <cstring>

namespace Dreamport::Core
{
	std::unique_ptr<Session> Session::Open(const dp_client_options& Options, int32_t& OutStatus)
	{
		std::shared_ptr<Client> Made = Client::Create(Options, OutStatus);
		return Made ? std::unique_ptr<Session>(new Session(std::move(Made))) : nullptr;
	}

	void Session::Poll()
	{
		dp_client_status(Handle(), &Connection);
		if (Connection.state != DP_STATE_READY && bHasWorld)
		{
			return;
		}
		dp_frame_format Now;
		if (dp_client_frame_format(Handle(), &Now) != DP_OK || (bHasWorld && Now.session_number == SessionNumber))
		{
			return;
		}
		if (dp_client_world(Handle(), &OpenWorld) == DP_OK)
		{
			FrameFormat = Now;
			SessionNumber = Now.session_number;
			bHasWorld = true;
			++Revision;
		}
	}

	bool Session::NextEvent(dp_event& Out)
	{
		return dp_client_poll_event(Handle(), &Out) == DP_OK;
	}

	int32_t Session::SendControl(Driver Drive, const dp_pose* Camera, const dp_intrinsics* Intrinsics, int64_t NowNs)
	{
		if (!bHasWorld)
		{
			return DP_NOTHING_NEW;
		}
		dp_control Control = Sized<dp_control>();
		const bool bCamera = Drive != Driver::Player && Camera != nullptr && OpenWorld.takes_pose != 0;
		if (bCamera)
		{
			Control.camera = *Camera;
			Control.has_camera = 1;
			if (Intrinsics != nullptr)
			{
				Control.intrinsics = *Intrinsics;
				Control.has_camera = 2;
			}
		}
		const bool bMoved = Control.has_camera != Last.has_camera ||
			std::memcmp(&Control.camera, &Last.camera, sizeof(Control.camera)) != 0 ||
			std::memcmp(&Control.intrinsics, &Last.intrinsics, sizeof(Control.intrinsics)) != 0;
		if (!bMoved && !Input.HasNews() && NowNs - LastSentNs < FrameFormat.frame_interval_ns)
		{
			return DP_NOTHING_NEW;
		}
		Input.Take(Control);
		if (Drive == Driver::Camera)
		{
			Control.buttons = 0;
			Control.pressed = 0;
			Control.look_yaw_deg = 0.0f;
			Control.look_pitch_deg = 0.0f;
		}
		Control.client_time_ns = NowNs;
		const int32_t Status = dp_client_control(Handle(), &Control);
		if (Status != DP_OK)
		{
			Input.GiveBack(Control);
			return Status;
		}
		Last = Control;
		LastSentNs = NowNs;
		return Status;
	}
}
